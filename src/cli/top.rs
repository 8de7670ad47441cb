//! `daemun top`: how the running server is, in the terminal, anew each second.
//!
//! 1. Nothing is begun without a terminal and a server.
//! 2. Three threads tell what happens: one asks the server each second, one hears the keys, one the signals that end it.
//! 3. `screen`: what is seen, and what a key does to it.
//! 4. The terminal is given back as it was, at the end, on a signal and on a panic.

mod graph;
mod palette;
mod screen;
mod views;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use daemun::status::Status;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyEvent, KeyEventKind},
};

use self::{palette::Palette, screen::Screen};
use super::{
    admin_client::AdminClient,
    operate::TargetArgs,
    signals::{Asked, Signals, StopSignal},
};

pub(crate) const HELP: &str = "\
Keys: q, Esc or Ctrl+C to quit; Tab or 1 to 5 for the views; arrows, PgUp, PgDn, Home and End to scroll.
The colours are left out if NO_COLOR is set.

Without -c and --pid it is the server of `daemun.toml` in this folder, or else the only one that this user runs.";

/// How often the server is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// What happens.
enum Message {
    Answer(Box<Result<Status, String>>),
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// There is no more to hear of the terminal.
    Closed,
    Signal(StopSignal),
}

pub(crate) fn run(target: &TargetArgs) -> ExitCode {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        eprintln!(
            "error: `daemun top` needs a terminal\n  help: `daemun status` prints the same once"
        );
        return ExitCode::FAILURE;
    }
    // A mistake in the command line is told before the screen is taken.
    let first = match AdminClient::connect(target).and_then(|client| ask(&client)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let messages = listen(target);
    let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let screen = Screen::new(first, Instant::now(), Palette::new(colors));
    let ended = ratatui::try_init().and_then(|mut terminal| show(&mut terminal, screen, &messages));
    let restored = ratatui::try_restore();
    match ended.and_then(|end| restored.map(|()| end)) {
        Ok(Some(signal)) => signal.exit_code(),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the terminal: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Until a key or a signal ends it.
fn show(
    terminal: &mut DefaultTerminal,
    mut screen: Screen,
    messages: &Receiver<Message>,
) -> io::Result<Option<StopSignal>> {
    loop {
        terminal.draw(|frame| screen.draw(frame, Instant::now()))?;
        match messages.recv_timeout(PERIOD) {
            Ok(Message::Answer(answer)) => screen.take(*answer, Instant::now()),
            Ok(Message::Key(key)) => {
                if screen.press(key) {
                    return Ok(None);
                }
            }
            Ok(Message::Signal(signal)) => return Ok(Some(signal)),
            Ok(Message::Closed) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            // The age of what is shown has changed.
            Ok(Message::Resized) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Starts the threads. They end with the process: what they wait for cannot be called off.
fn listen(target: &TargetArgs) -> Receiver<Message> {
    let (tell, messages) = channel();
    let (answers, keys, signals) = (tell.clone(), tell.clone(), tell);
    let target = target.clone();
    thread::spawn(move || ask_again(&target, &answers));
    thread::spawn(move || hear_keys(&keys));
    thread::spawn(move || hear_signals(&signals));
    messages
}

/// Each second; after a failure the server is looked for anew, as another process may have taken its place.
fn ask_again(target: &TargetArgs, tell: &Sender<Message>) {
    let mut client = None;
    loop {
        thread::sleep(PERIOD);
        let asked = match client.take() {
            Some(client) => Ok(client),
            None => AdminClient::connect(target),
        };
        let answer = asked.and_then(|asked| {
            let status = ask(&asked)?;
            client = Some(asked);
            Ok(status)
        });
        if tell.send(Message::Answer(Box::new(answer))).is_err() {
            return;
        }
    }
}

fn ask(client: &AdminClient) -> Result<Status, String> {
    match client.get("/status")? {
        (200, body) => serde_json::from_str(&body)
            .map_err(|error| format!("the server's answer is not understood: {error}")),
        (status, _) => Err(format!("the server answers {status}")),
    }
}

fn hear_keys(tell: &Sender<Message>) {
    loop {
        let message = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Message::Key(key),
            Ok(Event::Resize(..)) => Message::Resized,
            Ok(_) => continue,
            Err(_) => Message::Closed,
        };
        let is_last = matches!(message, Message::Closed);
        if tell.send(message).is_err() || is_last {
            return;
        }
    }
}

fn hear_signals(tell: &Sender<Message>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        if let Ok(mut signals) = Signals::watch() {
            let signal = loop {
                match signals.next().await {
                    Asked::Stop(signal) => break signal,
                    // A closed window, in most cases; there is nothing to be read again.
                    Asked::Reload => break StopSignal::HangUp,
                    Asked::ReopenLog | Asked::Upgrade => {}
                }
            };
            let _ = tell.send(Message::Signal(signal));
        }
    });
}
