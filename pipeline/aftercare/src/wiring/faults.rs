//! Kill points: places at which the process ends as by `kill -9`, when the environment asks for it. The kill test's way
//! to hit what chance rarely does. Only in builds with debug assertions; elsewhere passing a point does nothing.
//!
//! `AFTERCARE_KILL_POINT=NAME:N` ends it at the N-th passing of the point NAME, `NAME:N:MICROSECONDS` that long after,
//! while the thread that passed it goes on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// Where and when the process shall end.
#[derive(Debug, PartialEq, Eq)]
struct KillPoint {
    name: String,
    passing: u64,
    after: Option<Duration>,
}

impl KillPoint {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let name = parts.next()?.to_owned();
        let passing = parts.next().map_or(Some(1), |n| n.parse().ok())?;
        let after = match parts.next() {
            Some(micros) => Some(Duration::from_micros(micros.parse().ok()?)),
            None => None,
        };
        (parts.next().is_none() && !name.is_empty()).then_some(Self { name, passing, after })
    }
}

/// Says that the process is at this point; it may not return.
pub(crate) fn passing(point: &'static str) {
    if cfg!(debug_assertions) {
        pass(point);
    }
}

fn pass(point: &'static str) {
    static ARMED: OnceLock<Option<KillPoint>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("AFTERCARE_KILL_POINT").ok()?;
        let parsed = KillPoint::parse(&text);
        if parsed.is_none() {
            tracing::error!("AFTERCARE_KILL_POINT is not NAME:N or NAME:N:MICROSECONDS");
        }
        parsed
    });
    let Some(kill) = armed.as_ref().filter(|kill| kill.name == point) else { return };
    if PASSED.fetch_add(1, Relaxed) + 1 != kill.passing {
        return;
    }
    match kill.after {
        None => end(),
        Some(after) => drop(std::thread::spawn(move || {
            std::thread::sleep(after);
            end();
        })),
    }
}

fn end() {
    // Nothing of ours runs after it; if it were refused, ending otherwise is the next best.
    if kill_process(getpid(), Signal::KILL).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_point_has_a_name_a_passing_and_perhaps_a_delay() {
        let point = |passing, after: Option<u64>| {
            Some(KillPoint { name: "a.b".into(), passing, after: after.map(Duration::from_micros) })
        };
        assert_eq!(KillPoint::parse("a.b"), point(1, None));
        assert_eq!(KillPoint::parse("a.b:7"), point(7, None));
        assert_eq!(KillPoint::parse("a.b:7:250"), point(7, Some(250)));
        for wrong in ["", ":1", "a:x", "a:1:x", "a:1:2:3"] {
            assert_eq!(KillPoint::parse(wrong), None, "{wrong}");
        }
    }
}
