//! `daemun top` in a terminal of its own: what is seen there, what keys and signals do, and that the terminal is given back.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

/// Of the terminal.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a terminal is told at the beginning and at the end.
const OTHER_SCREEN: &str = "\u{1b}[?1049h";
const FIRST_SCREEN: &str = "\u{1b}[?1049l";

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let site = Site::new();
    let Output { status, stderr, .. } = site.command(&["top"]).output().expect("the program runs");
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&stderr),
        "error: `daemun top` needs a terminal\n  help: `daemun status` prints the same once\n"
    );
}

#[test]
fn without_a_server_the_screen_is_not_taken() {
    let site = Site::new();
    let top = Top::start(&site, &[]);
    let (status, told) = top.end();
    assert_eq!(status.code(), Some(1));
    assert!(told.contains("no server of this user is running"), "{told}");
    assert!(!told.contains(OTHER_SCREEN), "{told:?}");
}

#[test]
fn it_shows_the_server_and_a_key_ends_it() {
    let site = Site::new();
    let server = Server::start(&site);
    let mut top = Top::start(&site, &[]);
    top.wait_for(&format!("process {}", server.0.id()));
    top.wait_for("last 10 s");
    assert!(
        !top.modes().contains(LocalModes::ECHO),
        "keys are not to be seen"
    );
    top.press("3");
    top.wait_for("No upstreams.");
    top.press("q");
    let (status, told) = top.end();
    assert_eq!(status.code(), Some(0));
    assert!(
        told.ends_with(FIRST_SCREEN) || told.contains(FIRST_SCREEN),
        "{told:?}"
    );
}

#[test]
fn a_server_that_comes_back_is_shown_again() {
    let site = Site::new();
    fs::write(
        site.path().join("daemun.toml"),
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[site]]\ndocroot = \"public\"\n",
    )
    .expect("a file");
    let server = Server::configured(&site);
    let mut top = Top::start(&site, &["-c", "daemun.toml"]);
    top.wait_for(&format!("process {}", server.0.id()));
    drop(server);
    top.wait_for(" s old: ");
    let server = Server::configured(&site);
    top.wait_for(&format!("process {}", server.0.id()));
    top.press("\u{3}");
    assert_eq!(top.end().0.code(), Some(0));
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_before() {
    let site = Site::new();
    let _server = Server::start(&site);
    let top = Top::start(&site, &[]);
    top.wait_for("last 10 s");
    let pid = i32::try_from(top.child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), Signal::TERM).expect("it is there");
    let terminal = top.slave();
    let (status, told) = top.end();
    assert_eq!(status.code(), Some(143));
    assert!(told.contains(FIRST_SCREEN), "{told:?}");
    let modes = tcgetattr(&terminal).expect("a terminal").local_modes;
    assert!(
        modes.contains(LocalModes::ECHO | LocalModes::ICANON),
        "{modes:?}"
    );
}

#[test]
fn no_color_is_written_where_none_is_wanted() {
    let site = Site::new();
    let _server = Server::start(&site);
    let has_color = |environment: &[(&str, &str)]| {
        let mut top = Top::with(&site, &[], environment);
        top.wait_for("last 10 s");
        top.press("q");
        let (_, told) = top.end();
        // The terminal's own colours, as foregrounds.
        told.contains("\u{1b}[38;5;")
    };
    assert!(has_color(&[]));
    assert!(!has_color(&[("NO_COLOR", "1")]));
}

/// A folder with a site, and the runtime folder of its server.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("public")).expect("a folder");
        fs::write(folder.path().join("public/index.html"), "<p>public\n").expect("a file");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
        command
            .args(args)
            .current_dir(self.path())
            .env("XDG_RUNTIME_DIR", self.path().join(".run"))
            .env("TMPDIR", self.path())
            .env("TERM", "xterm-256color")
            .env_remove("RUNTIME_DIRECTORY")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }
}

/// A server that listens; it ends with its owner.
struct Server(Child);

impl Server {
    fn start(site: &Site) -> Self {
        Self::run(site, &["-l", "127.0.0.1:0", "public"])
    }

    fn configured(site: &Site) -> Self {
        Self::run(site, &["-c", "daemun.toml"])
    }

    fn run(site: &Site, args: &[&str]) -> Self {
        let mut child = site
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("it was piped"));
        let mut line = String::new();
        while !line.contains("http://127.0.0.1:") {
            line.clear();
            let read = stderr.read_line(&mut line).expect("a line");
            assert!(read > 0, "the server ended");
        }
        // Read on, so that it is never held up.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `daemun top` in a terminal.
struct Top {
    child: Child,
    master: File,
    slave: PathBuf,
    told: Arc<Mutex<Vec<u8>>>,
}

impl Top {
    fn start(site: &Site, args: &[&str]) -> Self {
        Self::with(site, args, &[])
    }

    fn with(site: &Site, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let slave = ptsname(&master, Vec::new()).expect("a name");
        let slave = PathBuf::from(slave.into_string().expect("UTF-8"));
        let window = Winsize {
            ws_col: COLUMNS,
            ws_row: ROWS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, window).expect("a terminal");
        let terminal = || Stdio::from(terminal(&slave));
        let child = site
            .command(&["top"])
            .args(args)
            .envs(environment.iter().copied())
            .stdin(terminal())
            .stdout(terminal())
            .stderr(terminal())
            .spawn()
            .expect("the program runs");
        let master = File::from(master);
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut reader = master.try_clone().expect("a copy");
        let heard = Arc::clone(&told);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is the end: nobody has the other side any more.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                heard
                    .lock()
                    .expect("no panic")
                    .extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            child,
            master,
            slave,
            told,
        }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("written");
    }

    fn slave(&self) -> File {
        terminal(&self.slave)
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(self.slave()).expect("a terminal").local_modes
    }

    /// All that was written, with the commands to the terminal.
    fn told(&self) -> String {
        String::from_utf8_lossy(&self.told.lock().expect("no panic")).into_owned()
    }

    /// What stands on the screen. Of the commands only those count by which text gets its place.
    fn seen(&self) -> String {
        let mut cells = vec![vec![' '; COLUMNS.into()]; ROWS.into()];
        let (mut row, mut column) = (0, 0);
        let told = self.told();
        let mut rest = told.chars();
        while let Some(char) = rest.next() {
            match char {
                '\u{1b}' => {
                    // `[`, numbers, and a letter that says what they are: H is a place.
                    rest.next();
                    let mut numbers = String::new();
                    let end = rest.by_ref().find(|char| {
                        numbers.push(*char);
                        ('@'..='~').contains(char)
                    });
                    numbers.pop();
                    if end == Some('H')
                        && let Some((down, right)) = numbers.split_once(';')
                    {
                        let number = |text: &str| text.parse::<usize>().expect("a number");
                        (row, column) = (number(down) - 1, number(right) - 1);
                    }
                }
                char => {
                    let cell = cells.get_mut(row).and_then(|row| row.get_mut(column));
                    if let Some(cell) = cell {
                        *cell = char;
                    }
                    column += 1;
                }
            }
        }
        let rows = cells
            .iter()
            .map(|row| row.iter().collect::<String>() + "\n");
        rows.collect()
    }

    fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.seen().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "{text:?} in {}", self.seen());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How it ended, and all that it wrote.
    fn end(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on: {:?}", self.told());
            thread::sleep(Duration::from_millis(20));
        };
        // What it wrote last may still be on its way.
        let mut told = self.told();
        loop {
            thread::sleep(Duration::from_millis(100));
            let now = self.told();
            if now == told {
                return (status, told);
            }
            told = now;
        }
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn terminal(path: &Path) -> File {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    File::from(open(path, flags, Mode::empty()).expect("a terminal"))
}
