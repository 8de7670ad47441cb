//! Correctness first: before a server is measured, its answers are compared with the files.

use std::fs;
use std::io::Read as _;
use std::process::Command;

use crate::Result;
use crate::cases::{Case, RANGE_LENGTH, Traffic, many_paths, range_starts};
use crate::client::{Answer, Client};
use crate::contender::Kind;
use crate::document_root::{DocumentRoot, LARGE, LARGE_SIZE};
use crate::process::Running;
use crate::proxy::{upstream, websocket};

/// What the load needs to know from the answers.
#[derive(Default)]
pub(crate) struct Checked {
    /// The server's own entity tag of the file, where the case asks with one.
    pub(crate) entity_tag: Option<String>,
    /// How many bytes the coded file has.
    pub(crate) coded_length: Option<usize>,
}

/// Asks a server for everything the case will ask for, or a fair part of it.
pub(crate) fn answers(case: &Case, server: &Running, root: &DocumentRoot) -> Result<Checked> {
    let client = Client::connect(server.address)?;
    match case.traffic {
        Traffic::File(name) | Traffic::Logged(name) | Traffic::Observed(name) => {
            whole_files(client, &[format!("/{name}")], root)?;
        }
        Traffic::Many => whole_files(client, &many_paths(), root)?,
        Traffic::NotModified(name) => return not_modified(client, name, root),
        Traffic::Close(name) => closed(client, name, root)?,
        Traffic::Coded(name, _) => return coded(client, name, root),
        Traffic::Ranges => ranges(client, root)?,
        Traffic::Multiplexed(name, _) | Traffic::Handshakes(name, _) => http2(server, name, root)?,
        Traffic::Proxied(name) => {
            forwarded(server)?;
            whole_files(client, &[format!("/{name}")], root)?;
        }
        Traffic::Messages => websocket::check(server.address)?,
    }
    Ok(Checked::default())
}

fn whole_files(mut client: Client, paths: &[String], root: &DocumentRoot) -> Result<()> {
    for path in paths {
        let answer = client.get(path, &[])?;
        expect(&answer, 200, &fs::read(root.file(path))?, path)?;
    }
    Ok(())
}

fn not_modified(mut client: Client, name: &str, root: &DocumentRoot) -> Result<Checked> {
    let path = format!("/{name}");
    let first = client.get(&path, &[])?;
    expect(&first, 200, &fs::read(root.file(&path))?, &path)?;
    let entity_tag = first.field("etag").ok_or("no entity tag")?.to_owned();
    let second = client.get(&path, &[("If-None-Match", &entity_tag)])?;
    expect(&second, 304, &[], &path)?;
    Ok(Checked {
        entity_tag: Some(entity_tag),
        ..Checked::default()
    })
}

fn closed(mut client: Client, name: &str, root: &DocumentRoot) -> Result<()> {
    let path = format!("/{name}");
    let answer = client.get(&path, &[("Connection", "close")])?;
    expect(&answer, 200, &fs::read(root.file(&path))?, &path)?;
    if !client.is_closed_by_server() {
        return Err("the connection stays open after Connection: close".into());
    }
    Ok(())
}

/// The file as it is for a client that accepts nothing else, and coded for one that accepts gzip.
fn coded(mut client: Client, name: &str, root: &DocumentRoot) -> Result<Checked> {
    let path = format!("/{name}");
    let file = fs::read(root.file(&path))?;
    expect(&client.get(&path, &[])?, 200, &file, &path)?;
    let answer = client.get(&path, &[("Accept-Encoding", "gzip")])?;
    expect_gzip(&answer, &file, &path)?;
    Ok(Checked {
        coded_length: Some(answer.body.len()),
        ..Checked::default()
    })
}

/// What decodes to the file.
pub(crate) fn expect_gzip(answer: &Answer, file: &[u8], path: &str) -> Result<()> {
    let coding = answer.field("content-encoding");
    if answer.status != 200 || coding != Some("gzip") {
        return Err(format!("{path}: status {}, coding {coding:?}", answer.status).into());
    }
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut decoded)?;
    if decoded != file {
        return Err(format!("{path}: the gzip of something else").into());
    }
    Ok(())
}

/// By curl, which speaks it.
fn http2(server: &Running, name: &str, root: &DocumentRoot) -> Result<()> {
    let output = Command::new("curl")
        .args(["--silent", "--insecure", "--http2-prior-knowledge"])
        .args(["--write-out", "%{stderr}%{http_version} %{http_code}"])
        .arg(server.url(name))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said != "2 200" || output.stdout != fs::read(root.file(name))? {
        return Err(format!("{name}: {said}, {} bytes", output.stdout.len()).into());
    }
    Ok(())
}

/// What the upstream has to be told, unless it is told nothing.
fn forwarded(server: &Running) -> Result<()> {
    let answer = Client::connect(server.address)?.get(upstream::FIELDS, &[])?;
    let head = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    let told = head.contains("\r\nx-forwarded-for: 127.0.0.1\r\n");
    let tells = server
        .contender
        .forwards
        .is_some_and(|forwards| forwards.tells_client || server.contender.kind == Kind::Daemun);
    if answer.status != 200 || told != tells {
        return Err(format!("status {}, the upstream got {head}", answer.status).into());
    }
    Ok(())
}

fn ranges(mut client: Client, root: &DocumentRoot) -> Result<()> {
    let path = format!("/{LARGE}");
    let file = fs::read(root.file(&path))?;
    for start in range_starts().into_iter().step_by(16) {
        let last = start + RANGE_LENGTH - 1;
        let answer = client.get(&path, &[("Range", &format!("bytes={start}-{last}"))])?;
        let asked = usize::try_from(start)?..=usize::try_from(last)?;
        expect(&answer, 206, &file[asked], &path)?;
        let content_range = answer.field("content-range");
        if content_range != Some(&format!("bytes {start}-{last}/{LARGE_SIZE}")) {
            return Err(format!("{path}: Content-Range is {content_range:?}").into());
        }
    }
    Ok(())
}

fn expect(answer: &Answer, status: u16, body: &[u8], path: &str) -> Result<()> {
    if answer.status != status {
        return Err(format!("{path}: status {} instead of {status}", answer.status).into());
    }
    if answer.body != body {
        return Err(format!(
            "{path}: {} bytes that are not the expected {}",
            answer.body.len(),
            body.len()
        )
        .into());
    }
    Ok(())
}
