# A Rack application, for Puma and for Passenger.
require 'digest'
require 'uri'

NAME = ENV.fetch('NAME', 'rack')

def say(text, status: 200, **fields)
  [status, { 'Content-Type' => 'text/plain', 'Content-Length' => text.bytesize.to_s }.merge(fields.transform_keys(&:to_s)), [text]]
end

# Has no end of its own: who sees an event has not waited for the last one.
class Events
  @open = 0
  class << self
    attr_accessor :open
  end

  def each
    Events.open += 1
    (1..).each do |count|
      yield "data: #{count}\n\n"
      sleep 0.1
    end
  ensure
    Events.open -= 1
  end
end

def upload(input)
  digest = Digest::SHA256.new
  length = 0
  while (chunk = input.read(1 << 20))
    digest << chunk
    length += chunk.bytesize
  end
  say "#{length} #{digest.hexdigest}\n"
end

def login(input)
  user = URI.decode_www_form(input.read).to_h['user']
  say '', status: 303, 'Location' => '/me', 'Set-Cookie' => "user=#{user}; path=/; HttpOnly"
end

run(lambda do |env|
  case [env['REQUEST_METHOD'], env['PATH_INFO']]
  in ['GET', '/'] then say "#{NAME}\n"
  in ['GET', '/me'] then say "#{env['HTTP_COOKIE']}\n"
  in ['GET', '/scheme'] then say "#{env['HTTP_X_FORWARDED_PROTO']} #{env['HTTP_X_FORWARDED_FOR']} #{env['HTTP_HOST']}\n"
  in ['GET', '/streams'] then say "#{Events.open}\n"
  in ['GET', '/events'] then [200, { 'Content-Type' => 'text/event-stream', 'Cache-Control' => 'no-cache' }, Events.new]
  in ['POST', '/login'] then login env['rack.input']
  in ['PUT' | 'POST', '/upload'] then upload env['rack.input']
  else say "not here\n", status: 404
  end
end)
