//! Reads many layers at once, each with a deadline (SECURITY R5): a stuck network file system costs
//! one row, not the screen.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// More threads than this do not read faster.
const MOST_THREADS: usize = 8;
/// So many layers that were read are worth waking somebody up for.
const WORTH_WAKING: usize = 256;
/// What was read is seen after this at the latest, while others are still being read.
const AT_LEAST_EVERY: Duration = Duration::from_millis(20);

/// What one layer came to.
pub(super) enum Read<T> {
    /// It was read.
    Done(T),
    /// It was not read in time; its thread is left behind.
    TimedOut,
}

/// Runs `job` for every number below `count` on a few threads, and sends what each comes to.
/// Returns at once; `send` is called from a task of the current runtime.
pub(super) fn read_all<T: Send + 'static>(
    count: usize,
    deadline: Duration,
    job: impl Fn(usize) -> T + Send + Sync + 'static,
    mut send: impl FnMut(usize, Read<T>) + Send + 'static,
) {
    let pool = Arc::new(Pool {
        next: AtomicUsize::new(0),
        count,
        job,
        done: Mutex::default(),
        news: Notify::new(),
        abandoned: AtomicBool::new(false),
    });
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let threads = (cores * 2).clamp(1, MOST_THREADS).min(count);
    for _ in 0..threads {
        work(&pool);
    }
    tokio::spawn(async move {
        let _guard = Abandon(Arc::clone(&pool));
        let mut waiting: Vec<bool> = vec![true; count];
        let mut left = count;
        let mut last = Instant::now();
        while left > 0 {
            let _ = tokio::time::timeout(AT_LEAST_EVERY, pool.news.notified()).await;
            let done = mem::take(&mut *pool.done());
            if !done.is_empty() {
                last = Instant::now();
            }
            for (index, read) in done {
                if mem::replace(&mut waiting[index], false) {
                    left -= 1;
                    send(index, Read::Done(read));
                }
            }
            // Nothing came for a whole deadline: what has begun is stuck. New threads take over
            // the rest.
            if last.elapsed() >= deadline {
                last = Instant::now();
                let begun = pool.next.load(Ordering::Relaxed).min(count);
                for (index, waits) in waiting.iter_mut().enumerate().take(begun) {
                    if mem::replace(waits, false) {
                        left -= 1;
                        send(index, Read::TimedOut);
                    }
                }
                if left > 0 {
                    for _ in 0..threads {
                        work(&pool);
                    }
                }
            }
        }
    });
}

/// What the threads share. Each result is put down at once, so that none waits behind a layer that
/// is stuck; only the waking is saved up.
struct Pool<J, T> {
    next: AtomicUsize,
    count: usize,
    job: J,
    done: Mutex<Vec<(usize, T)>>,
    news: Notify,
    abandoned: AtomicBool,
}

impl<J, T> Pool<J, T> {
    fn done(&self) -> MutexGuard<'_, Vec<(usize, T)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the threads stop when the task that wants to know goes away.
struct Abandon<J, T>(Arc<Pool<J, T>>);

impl<J, T> Drop for Abandon<J, T> {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

fn work<T: Send + 'static>(pool: &Arc<Pool<impl Fn(usize) -> T + Send + Sync + 'static, T>>) {
    let pool = Arc::clone(pool);
    thread::spawn(move || {
        while !pool.abandoned.load(Ordering::Relaxed) {
            let index = pool.next.fetch_add(1, Ordering::Relaxed);
            if index >= pool.count {
                break;
            }
            let read = (pool.job)(index);
            let mut done = pool.done();
            done.push((index, read));
            let many = done.len();
            drop(done);
            if many == WORTH_WAKING {
                pool.news.notify_one();
            }
        }
        pool.news.notify_one();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn everything_is_read_once() {
        let (sender, mut results) = mpsc::unbounded_channel();
        read_all(
            100,
            Duration::from_secs(10),
            |index| index * 2,
            move |index, read| {
                let Read::Done(value) = read else { panic!("timed out") };
                sender.send((index, value)).unwrap();
            },
        );
        let mut seen = Vec::new();
        while let Some((index, value)) = results.recv().await {
            assert_eq!(value, index * 2);
            seen.push(index);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_stuck_costs_its_own_row_only() {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let inner = Arc::clone(&gate);
        let (sender, mut results) = mpsc::unbounded_channel();
        read_all(
            40,
            Duration::from_millis(100),
            move |index| {
                if index < MOST_THREADS {
                    let closed = inner.0.lock().unwrap();
                    drop(inner.1.wait_while(closed, |open| !*open));
                }
            },
            move |index, read| {
                sender.send((index, matches!(read, Read::TimedOut))).unwrap();
            },
        );
        let mut timed_out = 0;
        let mut seen = 0;
        while let Some((index, late)) = results.recv().await {
            assert!(!late || index < MOST_THREADS);
            timed_out += usize::from(late);
            seen += 1;
        }
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        assert_eq!(seen, 40);
        assert!(timed_out > 0);
    }
}
