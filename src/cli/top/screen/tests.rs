//! `UPDATE_GOLDEN=1 cargo test --bin daemun` rewrites `tests/cli/status/`.

use std::{env, fs, path::Path, time::Duration};

use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};

use super::*;
use crate::cli::status::{self, tests::full};

fn screen(status: Status, has_color: bool) -> Screen {
    Screen::new(status, Instant::now(), Palette::new(has_color))
}

fn drawn(screen: &mut Screen, (width, height): (u16, u16), now: Instant) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| screen.draw(frame, now))
        .expect("drawn");
    terminal.backend().buffer().clone()
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let row: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        row.trim_end().to_owned()
    };
    buffer.content.chunks(width).map(row).collect()
}

fn press(screen: &mut Screen, code: KeyCode) -> bool {
    screen.press(KeyEvent::new(code, KeyModifiers::NONE))
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/status")
        .join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{name} differs; it is now:\n{text}\nUPDATE_GOLDEN=1 rewrites it"
    );
}

#[test]
fn each_view_is_as_in_the_golden_files() {
    for size @ (width, height) in [(80, 24), (120, 40)] {
        let mut screen = screen(full(), true);
        let mut told = String::new();
        for digit in '1'..='5' {
            assert!(!press(&mut screen, KeyCode::Char(digit)));
            let buffer = drawn(&mut screen, size, Instant::now());
            let line = "=".repeat(width.into());
            told += &(line + "\n" + &rows(&buffer).join("\n") + "\n");
        }
        golden(&format!("top-{width}x{height}.txt"), &told);
    }
    golden("text.txt", &status::text(&full()));
    golden("text-fresh.txt", &status::text(&Status::default()));
}

#[test]
fn nothing_that_a_client_sent_is_a_command_to_the_terminal() {
    let mut hostile = full();
    let evil = "\u{1b}[2J\u{7}\r\n\u{9b}31m\u{202e}";
    for request in &mut hostile.failing {
        request.target = format!("/{evil}");
        request.method = evil.to_owned();
        request.host = evil.to_owned();
        request.id = evil.to_owned();
        request.server = Some(evil.to_owned());
        request.refused = None;
    }
    hostile.upstreams[0].name = evil.to_owned();
    hostile.upstreams[0].servers[0].why = Some(evil.to_owned());
    hostile.upstreams[0].servers[0].state = evil.to_owned();
    hostile.refused[0].0 = evil.to_owned();
    hostile.routes[0].site = evil.to_owned();
    hostile.routes[0].route = evil.to_owned();
    hostile.readiness.reasons = vec![evil.to_owned()];
    hostile.listeners = vec![evil.to_owned()];
    hostile.certificates[0].names = vec![evil.to_owned()];
    hostile.configuration.last_error = Some(evil.to_owned());
    let is_hostile = |char: char| char.is_control() || char == '\u{202e}';
    let text = status::text(&hostile);
    assert!(
        !text.contains(|char| is_hostile(char) && char != '\n'),
        "{text:?}"
    );
    let mut screen = screen(hostile, true);
    screen.take(Err(evil.to_owned()), Instant::now());
    for digit in '1'..='5' {
        press(&mut screen, KeyCode::Char(digit));
        let text = rows(&drawn(&mut screen, (250, 60), Instant::now())).concat();
        assert!(!text.contains(is_hostile), "{text:?}");
        // What is not obeyed is shown: dropping it would hide an attack.
        assert!(text.contains("\\u{1b}[2J"), "{digit}: {text}");
    }
}

#[test]
fn keys_turn_scroll_and_quit() {
    let mut screen = screen(full(), true);
    let size = (80, 12);
    let see = |screen: &mut Screen| rows(&drawn(screen, size, Instant::now()));
    let first = see(&mut screen);
    press(&mut screen, KeyCode::Down);
    let second = see(&mut screen);
    assert_eq!(second[3], first[4]);
    press(&mut screen, KeyCode::End);
    let end = see(&mut screen);
    press(&mut screen, KeyCode::Down);
    assert_eq!(see(&mut screen), end, "there is nothing below the end");
    press(&mut screen, KeyCode::Up);
    assert_eq!(
        see(&mut screen)[4],
        end[3],
        "one step up from the end is seen at once"
    );
    press(&mut screen, KeyCode::Home);
    assert_eq!(see(&mut screen), first);
    press(&mut screen, KeyCode::Char('4'));
    let requests = see(&mut screen);
    press(&mut screen, KeyCode::Right);
    assert_eq!(
        see(&mut screen)[3],
        requests[3].chars().skip(SIDEWAYS).collect::<String>(),
        "the first columns are gone"
    );
    press(&mut screen, KeyCode::Tab);
    assert_eq!(screen.view, View::Refused);
    press(&mut screen, KeyCode::Tab);
    assert_eq!(screen.view, View::Overview);
    press(&mut screen, KeyCode::BackTab);
    assert_eq!(screen.view, View::Refused);
    for code in [KeyCode::Char('x'), KeyCode::Char('9'), KeyCode::Enter] {
        assert!(!press(&mut screen, code));
    }
    assert!(press(&mut screen, KeyCode::Char('q')));
    assert!(press(&mut screen, KeyCode::Esc));
    assert!(screen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn a_server_that_is_gone_is_said_to_be_and_its_last_figures_stay() {
    let mut screen = screen(full(), true);
    let begun = screen.since;
    screen.take(Err("the server is gone".to_owned()), begun);
    let later = begun + Duration::from_secs(12);
    let seen = rows(&drawn(&mut screen, (80, 24), later));
    assert_eq!(seen[23], "12 s old: the server is gone");
    assert!(seen[0].contains("process 4711"), "{}", seen[0]);
    let mut back = full();
    back.pid = 4712;
    screen.take(Ok(back), later);
    let seen = rows(&drawn(&mut screen, (80, 24), later));
    assert_eq!(seen[23], KEYS);
    assert!(seen[0].contains("process 4712"), "{}", seen[0]);
}

#[test]
fn colors_are_left_out_where_they_are_not_wanted() {
    let colored = |has_color| {
        let buffer = drawn(&mut screen(full(), has_color), (80, 24), Instant::now());
        let is_colored = |cell: &&ratatui::buffer::Cell| cell.fg != Color::Reset;
        buffer.content.iter().filter(is_colored).count()
    };
    assert!(colored(true) > 0);
    assert_eq!(colored(false), 0);
}

#[test]
fn any_size_can_be_drawn() {
    for size in [(1, 1), (2, 3), (10, 4), (300, 2), (400, 200)] {
        let mut screen = screen(full(), true);
        for digit in '1'..='5' {
            press(&mut screen, KeyCode::Char(digit));
            press(&mut screen, KeyCode::End);
            press(&mut screen, KeyCode::Right);
            drawn(&mut screen, size, Instant::now());
        }
    }
}
