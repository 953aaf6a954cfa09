//! The loop: waits for signals, pictures, keys and the next deadline, and draws what changed.

use std::{
    future::poll_fn,
    io::{self, Write},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use crossterm::event::{Event, EventStream};
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use ratatui::{Terminal, layout::Size};
use tokio::sync::mpsc::error::TrySendError;

use crate::{
    domain::snapshot::Snapshot,
    tui::{
        Exit, Handle, Options,
        message::{Effect, Message},
        model::Model,
        terminal::{Guard, Screen},
        update::update,
        view::view,
    },
};

/// Between two frames that only show new data. Keys are drawn at once.
const FRAME: Duration = Duration::from_millis(33);
/// How many keys are taken before the screen is drawn again.
const DRAIN: usize = 64;

/// What the loop needs of the outside; tests bring their own.
pub trait Host {
    /// Keys and resizes.
    type Events: Stream<Item = io::Result<Event>> + Unpin;

    /// Begins to read the terminal.
    fn events(&mut self) -> Self::Events;

    /// The time.
    fn now(&self) -> Timestamp;

    /// The next signal that is not ours to ignore.
    fn signal(&mut self) -> impl Future<Output = Signalled>;

    /// Gives the terminal back, stops, and takes it again when continued. The events are dropped
    /// before: who still reads the terminal steals the shell's keys.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;
}

/// A signal, as far as the loop cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// Leave with 128 + this number.
    Leave(i32),
    /// Stop until continued.
    Stop,
    /// Continued by somebody else after a stop that could not be caught.
    Continued,
}

/// The dashboard on a screen.
pub struct Session<W: Write> {
    terminal: Terminal<Screen<W>>,
    model: Model,
    last_frame: Option<Instant>,
}

impl<W: Write> Session<W> {
    /// Enters the alternate screen and draws the first frame.
    pub fn start(screen: Screen<W>, options: Options, now: Timestamp) -> io::Result<Self> {
        let mut terminal = Terminal::new(screen)?;
        terminal.backend_mut().enter()?;
        let size = terminal.size()?;
        let mut session =
            Self { terminal, model: Model::new(options, size, now), last_frame: None };
        session.draw()?;
        Ok(session)
    }

    /// The state, for tests.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Leaves the alternate screen.
    pub fn finish(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().leave()
    }

    fn draw(&mut self) -> io::Result<()> {
        self.draw_from(false)
    }

    /// Draws every cell again: the terminal shows something else than we think.
    fn redraw(&mut self) -> io::Result<()> {
        self.draw_from(true)
    }

    fn draw_from(&mut self, nothing: bool) -> io::Result<()> {
        self.last_frame = Some(Instant::now());
        // A terminal that went away reports no size; ratatui cannot draw on nothing.
        let size = self.terminal.size()?;
        if size.width == 0 || size.height == 0 {
            return Ok(());
        }
        if size != self.model.size {
            update(&mut self.model, Message::Resize(size.width, size.height));
        }
        self.terminal.backend_mut().begin_frame()?;
        if nothing {
            self.terminal.clear()?;
        }
        let model = &self.model;
        self.terminal.draw(|frame| view(model, frame))?;
        self.terminal.backend_mut().end_frame()
    }

    /// Runs until the person or a signal ends it.
    pub async fn run<H: Host>(&mut self, handle: Handle, host: &mut H) -> io::Result<Exit> {
        let Handle { mut snapshots, commands } = handle;
        let mut events = host.events();
        let mut stale_screen = false;
        let mut engine_lives = true;
        let first = snapshots.borrow_and_update().clone();
        if is_news(&self.model, &first) {
            self.tell(host, Message::Snapshot(first));
            stale_screen = true;
        }
        loop {
            if stale_screen && self.frame_is_due() {
                self.draw()?;
                stale_screen = false;
            }
            let wait = self.wait(stale_screen, host.now());
            let mut effects = Vec::new();
            tokio::select! {
                biased;
                signal = host.signal() => match signal {
                    Signalled::Leave(number) => return Ok(Exit::Signal(number)),
                    Signalled::Stop => effects.push(Effect::Suspend),
                    Signalled::Continued => effects.push(Effect::Redraw),
                },
                // Keys before pictures: an engine that is busy must not make quitting wait.
                event = events.next() => {
                    let Some(event) = event else { return Ok(Exit::Signal(HANG_UP)) };
                    let mut next = Some(event);
                    let mut taken = 0;
                    while let Some(event) = next {
                        effects.extend(self.event(host, &event?));
                        taken += 1;
                        let leaving = effects.iter().any(|effect| {
                            matches!(effect, Effect::Quit | Effect::Suspend)
                        });
                        if leaving || taken == DRAIN {
                            break;
                        }
                        next = ready_now(&mut events).await;
                    }
                    self.last_frame = None;
                    stale_screen = true;
                },
                changed = snapshots.changed(), if engine_lives => {
                    if changed.is_err() {
                        engine_lives = false;
                        self.tell(host, Message::EngineStopped);
                        stale_screen = true;
                    } else {
                        let snapshot = snapshots.borrow_and_update().clone();
                        if is_news(&self.model, &snapshot) {
                            self.tell(host, Message::Snapshot(snapshot));
                            stale_screen = true;
                        }
                    }
                },
                () = sleep(wait) => {
                    let now = host.now();
                    update(&mut self.model, Message::Tick(now));
                    stale_screen = true;
                },
            }
            for effect in effects {
                match effect {
                    Effect::Quit => return Ok(Exit::Quit),
                    Effect::Copy(text) => self.terminal.backend_mut().copy(&text)?,
                    Effect::Redraw => self.redraw()?,
                    Effect::Send(command) => match commands.try_send(command) {
                        Ok(()) => {}
                        Err(error) => {
                            self.tell(
                                host,
                                match error {
                                    TrySendError::Full(_) => Message::CommandRefused,
                                    TrySendError::Closed(_) => Message::EngineStopped,
                                },
                            );
                            stale_screen = true;
                        }
                    },
                    Effect::Suspend => {
                        drop(events);
                        self.finish()?;
                        host.suspend().await?;
                        self.terminal.backend_mut().enter()?;
                        events = host.events();
                        let now = host.now();
                        update(&mut self.model, Message::Tick(now));
                        self.redraw()?;
                    }
                }
            }
        }
    }

    fn event(&mut self, host: &impl Host, event: &Event) -> Vec<Effect> {
        match *event {
            Event::Key(key) => self.tell(host, Message::Key(key)),
            Event::Resize(width, height) => self.tell(host, Message::Resize(width, height)),
            _ => Vec::new(),
        }
    }

    /// Tells the time first: what the message does may depend on it.
    fn tell(&mut self, host: &impl Host, message: Message) -> Vec<Effect> {
        update(&mut self.model, Message::Tick(host.now()));
        update(&mut self.model, message)
    }

    fn frame_is_due(&self) -> bool {
        self.last_frame.is_none_or(|last| last.elapsed() >= FRAME)
    }

    /// How long nothing will happen by itself; `None`: for ever.
    fn wait(&self, stale_screen: bool, now: Timestamp) -> Option<Duration> {
        if stale_screen {
            let passed = self.last_frame.map_or(FRAME, |last| last.elapsed());
            return Some(FRAME.saturating_sub(passed));
        }
        let until = self.model.next_deadline()?.duration_since(now);
        Some(Duration::try_from(until).unwrap_or_default())
    }
}

const HANG_UP: i32 = 1;

fn is_news(model: &Model, snapshot: &Arc<Snapshot>) -> bool {
    !Arc::ptr_eq(&model.snapshot, snapshot) && *model.snapshot != **snapshot
}

/// The next event, if it is there already. It is asked for with this task's own waker: the real
/// stream keeps the first waker it is given until it wakes it, so one that wakes nobody would make
/// it silent.
async fn ready_now<E>(events: &mut (impl Stream<Item = E> + Unpin)) -> Option<E> {
    poll_fn(|context| match events.poll_next_unpin(context) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// The real outside.
struct System {
    guard: Guard,
    #[cfg(unix)]
    signals: unix::Signals,
}

impl Host for System {
    type Events = EventStream;

    fn events(&mut self) -> EventStream {
        EventStream::new()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[cfg(unix)]
    async fn signal(&mut self) -> Signalled {
        self.signals.next().await
    }

    #[cfg(not(unix))]
    async fn signal(&mut self) -> Signalled {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signalled::Leave(2),
            Err(_) => std::future::pending().await,
        }
    }

    async fn suspend(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            // Dropping the event stream leaves a wake-up behind. Read together with a key it would
            // hide that key (the source reports an edge only once), so it is taken away now.
            let _ = crossterm::event::poll(Duration::ZERO);
            self.guard.yield_terminal()?;
            self.signals.stop().await;
            self.guard.enter_again()?;
        }
        Ok(())
    }
}

/// Runs the dashboard on the real terminal.
pub(super) fn run(start: impl FnOnce() -> Handle, options: Options) -> io::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    #[cfg(unix)]
    let signals = {
        // Before the terminal is taken: from here on a signal is noticed and not fatal.
        let _inside = runtime.enter();
        unix::Signals::new()?
    };
    let guard = Guard::enter()?;
    let size_of =
        Box::new(|| crossterm::terminal::size().map(|(width, height)| Size { width, height }));
    let screen = Screen::new(io::stdout(), size_of);
    let mut session = Session::start(screen, options, Timestamp::now())?;
    // Outside the runtime, so that the engine may have one of its own.
    let handle = start();
    let mut system = System {
        guard,
        #[cfg(unix)]
        signals,
    };
    let exit = runtime.block_on(session.run(handle, &mut system));
    // The terminal first: what ends after this may take its time.
    drop(system);
    exit
}

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::{Signal, kill_current_process_group};
    use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

    use super::Signalled;

    pub(super) struct Signals {
        terminate: Listener,
        hang_up: Listener,
        quit: Listener,
        interrupt: Listener,
        stop: Listener,
        continued: Listener,
    }

    impl Signals {
        /// Listens from now on; needs a runtime around it.
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
                quit: signal(SignalKind::quit())?,
                interrupt: signal(SignalKind::interrupt())?,
                stop: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
                continued: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
            })
        }

        pub(super) async fn next(&mut self) -> Signalled {
            tokio::select! {
                _ = self.terminate.recv() => Signalled::Leave(Signal::TERM.as_raw()),
                _ = self.hang_up.recv() => Signalled::Leave(Signal::HUP.as_raw()),
                _ = self.quit.recv() => Signalled::Leave(Signal::QUIT.as_raw()),
                _ = self.interrupt.recv() => Signalled::Leave(Signal::INT.as_raw()),
                _ = self.stop.recv() => Signalled::Stop,
                _ = self.continued.recv() => Signalled::Continued,
            }
        }

        /// Stops the whole group, as the terminal's own ctrl-z would, and returns when continued.
        /// SIGTSTP itself is listened to by now and would stop nothing.
        pub(super) async fn stop(&mut self) {
            if kill_current_process_group(Signal::STOP).is_ok() {
                self.continued.recv().await;
            }
        }
    }
}
