//! The real loop on a terminal that is a buffer: what is written, when, and that all is given back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/dashboard.rs"]
mod support;

use std::{
    cell::{Cell, RefCell},
    io,
    num::NonZeroU16,
    rc::Rc,
    sync::Arc,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use crossterm::event::Event;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use ratatui::{Terminal, layout::Size};
use stalekey::{
    domain::{command::Command, snapshot::Snapshot},
    tui::{
        Exit, Handle, Options,
        keymap::KeyChord,
        runtime::{Host, Session, Signalled},
        terminal::Screen,
        view::view,
    },
};
use support::{incident, now, ordinary};
use tokio::sync::{mpsc, watch};

const WIDTH: u16 = 100;
const HEIGHT: u16 = 30;

/// Everything that was ever written.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn count(&self, sequence: &str) -> usize {
        self.text().matches(sequence).count()
    }

    fn terminal(&self) -> vt100::Parser {
        let lines = |count| NonZeroU16::new(count).unwrap();
        let mut parser = vt100::Parser::new(lines(HEIGHT), lines(WIDTH), 0);
        parser.process(&self.0.borrow());
        parser
    }

    fn shows(&self, text: &str) -> bool {
        self.terminal().screen().contents().contains(text)
    }

    async fn wait_for(&self, text: &str) {
        while !self.shows(text) {
            tokio::task::yield_now().await;
        }
    }

    fn screen(&self) -> Screen<Self> {
        let size = || Ok(Size { width: WIDTH, height: HEIGHT });
        Screen::new(self.clone(), Box::new(size))
    }
}

type Keys = mpsc::UnboundedReceiver<Event>;

struct FakeHost {
    keys: Rc<RefCell<Keys>>,
    signals: mpsc::UnboundedReceiver<Signalled>,
    output: Output,
    suspended: Rc<Cell<usize>>,
}

impl Host for FakeHost {
    type Events = stream::LocalBoxStream<'static, io::Result<Event>>;

    fn events(&mut self) -> Self::Events {
        let keys = Rc::clone(&self.keys);
        stream::poll_fn(move |context| keys.borrow_mut().poll_recv(context)).map(Ok).boxed_local()
    }

    fn now(&self) -> Timestamp {
        now()
    }

    async fn signal(&mut self) -> Signalled {
        match self.signals.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    async fn suspend(&mut self) -> io::Result<()> {
        let terminal = self.output.terminal();
        assert!(!terminal.screen().alternate_screen(), "the shell has its own screen");
        assert!(!terminal.screen().hide_cursor(), "and its cursor");
        self.suspended.set(self.suspended.get() + 1);
        Ok(())
    }
}

/// What a test holds of a running dashboard.
struct Driver {
    output: Output,
    keys: mpsc::UnboundedSender<Event>,
    signals: mpsc::UnboundedSender<Signalled>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    commands: mpsc::Receiver<Command>,
    suspended: Rc<Cell<usize>>,
}

impl Driver {
    fn signal(&self, signal: Signalled) {
        self.signals.send(signal).unwrap();
    }

    fn press(&self, keys: &str) {
        for key in keys.split_whitespace() {
            let chord: KeyChord = key.parse().unwrap();
            self.keys.send(Event::Key(chord.event())).unwrap();
        }
    }
}

/// Runs the loop beside `drive`; returns how it ended and all that was written.
fn run<F: Future<Output = ()>>(drive: impl FnOnce(Driver) -> F) -> (Exit, Output) {
    let output = Output::default();
    let mut session = Session::start(output.screen(), Options::default(), now()).unwrap();
    assert!(output.shows("reading layers…"), "drawn before there is an engine");
    let (key_sender, keys) = mpsc::unbounded_channel();
    let (signal_sender, signals) = mpsc::unbounded_channel();
    let (snapshot_sender, snapshots) = watch::channel(Arc::new(incident()));
    let (command_sender, commands) = mpsc::channel(1);
    let suspended = Rc::new(Cell::new(0));
    let mut host = FakeHost {
        keys: Rc::new(RefCell::new(keys)),
        signals,
        output: output.clone(),
        suspended: Rc::clone(&suspended),
    };
    let driver = Driver {
        output: output.clone(),
        keys: key_sender,
        signals: signal_sender,
        snapshots: snapshot_sender,
        commands,
        suspended,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = Handle { snapshots, commands: command_sender };
    let exit = runtime.block_on(async {
        let (exit, ()) = tokio::join!(session.run(handle, &mut host), drive(driver));
        exit.unwrap()
    });
    session.finish().unwrap();
    (exit, output)
}

fn assert_given_back(output: &Output) {
    let terminal = output.terminal();
    assert!(!terminal.screen().alternate_screen());
    assert!(!terminal.screen().hide_cursor());
    assert_eq!(output.count("\x1b[?1049h"), output.count("\x1b[?1049l"));
    assert_eq!(output.count("\x1b[?2026h"), output.count("\x1b[?2026l"));
    for question in ["\x1b[6n", "\x1b[c", "\x1b]11;?", "\x1b]10;?", "\x1b[?u", "\x1b[>"] {
        assert_eq!(output.count(question), 0, "the terminal is never asked: {question:?}");
    }
    for mode in ["\x1b[?1000h", "\x1b[?1002h", "\x1b[?1003h", "\x1b[?1006h"] {
        assert_eq!(output.count(mode), 0, "the mouse stays the terminal's");
    }
}

#[test]
fn a_picture_is_drawn_and_quitting_gives_the_terminal_back() {
    let (exit, output) = run(|driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("q");
    });
    assert_eq!(exit, Exit::Quit);
    assert_given_back(&output);
}

#[test]
fn a_copy_is_exactly_the_fix_command() {
    let (_, output) = run(|driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("y");
        driver.output.wait_for("Copied: docker compose").await;
        driver.press("q");
    });
    let text = output.text();
    let payloads: Vec<&str> = text
        .split("\x1b]52;c;")
        .skip(1)
        .filter_map(|rest| rest.split_once("\x1b\\").map(|(payload, _)| payload))
        .collect();
    assert_eq!(payloads.len(), 1);
    let copied = BASE64_STANDARD.decode(payloads[0]).unwrap();
    assert_eq!(copied, b"docker compose up -d --no-deps --force-recreate api");
    assert_given_back(&output);
}

#[test]
fn a_signal_leaves_with_its_number() {
    let (exit, output) = run(|driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.signal(Signalled::Leave(15));
    });
    assert_eq!(exit, Exit::Signal(15));
    assert_given_back(&output);
}

#[test]
fn ctrl_z_hands_the_terminal_over_and_draws_everything_again() {
    let (exit, output) = run(|driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("ctrl-z");
        while driver.suspended.get() == 0 {
            tokio::task::yield_now().await;
        }
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.signal(Signalled::Stop);
        while driver.suspended.get() == 1 {
            tokio::task::yield_now().await;
        }
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("q");
    });
    assert_eq!(exit, Exit::Quit);
    assert_eq!(output.count("\x1b[?1049h"), 3);
    assert_given_back(&output);
}

#[test]
fn wishes_reach_the_engine_and_a_full_channel_is_said() {
    let (_, output) = run(|mut driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("R");
        assert_eq!(driver.commands.recv().await, Some(Command::RecheckAll));
        driver.press("R R");
        driver.output.wait_for("The engine is busy").await;
        driver.press("q");
    });
    assert_given_back(&output);
}

#[test]
fn an_engine_that_ends_is_said_and_the_picture_stays() {
    let (exit, _) = run(|driver| async move {
        let Driver { output, keys, snapshots, commands, signals, .. } = driver;
        output.wait_for("api workers (pid 4182)").await;
        drop((snapshots, commands));
        output.wait_for("engine stopped").await;
        assert!(output.shows("api workers (pid 4182)"));
        let quit: KeyChord = "q".parse().unwrap();
        keys.send(Event::Key(quit.event())).unwrap();
        drop(signals);
    });
    assert_eq!(exit, Exit::Quit);
}

#[test]
fn a_terminal_that_goes_away_ends_the_dashboard() {
    let (exit, _) = run(|driver| async move {
        // The whole of it is held, or the engine would be gone before the picture is drawn.
        let Driver { output, keys, signals, snapshots, commands, .. } = driver;
        output.wait_for("api workers (pid 4182)").await;
        drop(keys);
        drop((signals, snapshots, commands));
    });
    assert_eq!(exit, Exit::Signal(1));
}

#[test]
fn a_new_picture_is_drawn_without_a_key() {
    let (_, output) = run(|driver| async move {
        driver.output.wait_for("3 stale").await;
        let mut fixed = incident();
        fixed.revision += 1;
        for row in &mut fixed.rows {
            row.verdict = stalekey::domain::verdict::Verdict::Current;
        }
        driver.snapshots.send(Arc::new(fixed)).unwrap();
        driver.output.wait_for("all current").await;
        driver.press("q");
    });
    assert_given_back(&output);
}

#[test]
fn a_frame_that_equals_the_last_writes_nothing() {
    let output = Output::default();
    let mut terminal = Terminal::new(output.screen()).unwrap();
    let model = ordinary();
    let mut draw = || {
        terminal.backend_mut().begin_frame().unwrap();
        terminal.draw(|frame| view(&model, frame)).unwrap();
        terminal.backend_mut().end_frame().unwrap();
        output.len()
    };
    let first = draw();
    assert!(first > 0);
    assert_eq!(draw(), first);
}

#[test]
fn no_key_is_ever_written() {
    let (_, output) = run(|driver| async move {
        driver.output.wait_for("api workers (pid 4182)").await;
        driver.press("enter j j esc b b ? esc =");
        driver.output.wait_for("should hold").await;
        driver.press("q");
    });
    // Bodies of the keys are long runs of one letter.
    for letter in ["n", "o", "d"] {
        assert_eq!(output.count(&letter.repeat(5)), 0);
    }
}
