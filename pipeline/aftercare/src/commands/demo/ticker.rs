//! After the seeded year time goes on by the wall.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;
use crate::wiring::{ticks, wall_clock};

/// Between two ticks.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the wall's time to every task, as tasks do themselves where nobody else does; until it is dropped.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(config: &Config) -> anyhow::Result<Self> {
        let writer = config.cluster().writer()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || {
            while !stopped.load(Relaxed) {
                let told = ticks::tick(wall_clock()).and_then(|tick| ticks::tell(&writer, &tick));
                if let Err(error) = told {
                    tracing::warn!(error = format!("{error:#}"), "tick not written");
                }
                std::thread::park_timeout(EVERY);
            }
        };
        let thread =
            std::thread::Builder::new().name("ticker".into()).spawn(body).context("start a thread")?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the ticker panicked");
            }
        }
    }
}
