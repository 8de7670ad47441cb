//! How each proxy is configured: one worker, no log, connections to the upstream kept, the same told to the upstream.

use crate::Result;
use crate::contender::{Contender, Kind};
use crate::tools;

/// What a server forwards to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Forwards {
    /// The upstream's port of the loopback address.
    pub(crate) port: u16,
    /// Whether the upstream is told who asks and for which host, as applications need it. Daemun always does.
    pub(crate) tells_client: bool,
}

/// The proxies, each before those that are compared with it.
pub(crate) fn contenders(kinds: &[Kind], forwards: Option<Forwards>) -> Vec<Contender> {
    let forwarding = |kind: &Kind| Contender {
        forwards,
        ..Contender::plain(*kind)
    };
    kinds.iter().map(forwarding).collect()
}

/// The text of a proxy's configuration file.
pub(crate) fn configuration(
    kind: Kind,
    forwards: Forwards,
    folder: &str,
    port: u16,
) -> Result<String> {
    match kind {
        Kind::Daemun => Ok(daemun(forwards, port)),
        Kind::Nginx => Ok(nginx(forwards, folder, port)),
        Kind::HaProxy => Ok(haproxy(forwards, port)),
        _ => Err(format!("{} is not measured as a proxy", kind.name()).into()),
    }
}

/// Always tells.
fn daemun(forwards: Forwards, port: u16) -> String {
    let upstream = forwards.port;
    format!(
        r#"workers = 1

[[listen]]
address = "127.0.0.1:{port}"

[[site]]

[[site.route]]
path = "/"
upstream = "http://127.0.0.1:{upstream}"

[log]
access = "off"
"#
    )
}

/// nginx as its guides have it for an application: connections to it kept, and never retired.
fn nginx(forwards: Forwards, folder: &str, port: u16) -> String {
    let upstream = forwards.port;
    // As root its worker would become another user, which may not enter the temporary folder.
    let user = if tools::is_root() { "user root;" } else { "" };
    let tells = if forwards.tells_client {
        "proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;"
    } else {
        ""
    };
    format!(
        r#"{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 65535;
pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
    keepalive_requests 1000000000;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream application {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        location / {{
            {tells}
            proxy_set_header Connection "";
            proxy_pass http://application;
        }}
        location /ws {{
            {tells}
            proxy_set_header Connection "upgrade";
            proxy_set_header Upgrade $http_upgrade;
            proxy_pass http://application;
        }}
    }}
}}
"#
    )
}

fn haproxy(forwards: Forwards, port: u16) -> String {
    let upstream = forwards.port;
    let tells = if forwards.tells_client {
        "option forwardfor
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]"
    } else {
        ""
    };
    format!(
        "global
    nbthread 1
    maxconn 4096

defaults
    mode http
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h

frontend gate
    bind 127.0.0.1:{port} backlog 4096
    {tells}
    default_backend application

backend application
    server one 127.0.0.1:{upstream}
"
    )
}
