//! Waiting for other programs: bounded, and never silent.

use std::time::{Duration, Instant};

use crate::wiring::say;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two words about it.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// Waits until a time is over, for one thing after the other.
pub(super) struct Patience {
    until: Instant,
    told_at: Instant,
}

impl Patience {
    pub(super) fn of(limit: Duration) -> Self {
        let now = Instant::now();
        Self { until: now + limit, told_at: now }
    }

    /// Asks what is left until nothing is, and tells on stderr meanwhile; what is left when the time is over.
    pub(super) fn wait(
        &mut self,
        what: &str,
        mut left: impl FnMut() -> anyhow::Result<Vec<String>>,
    ) -> anyhow::Result<Vec<String>> {
        loop {
            let found = left()?;
            let Some(first) = found.first() else { return Ok(found) };
            let now = Instant::now();
            if now >= self.until {
                return Ok(found);
            }
            if now.duration_since(self.told_at) >= SILENCE_MAX {
                self.told_at = now;
                let more =
                    if found.len() > 1 { format!(", and {} more", found.len() - 1) } else { String::new() };
                say(format_args!("{what}: {first}{more}"));
            }
            std::thread::sleep(PAUSE.min(self.until.duration_since(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_until_nothing_is_left_or_the_time_is_over() {
        let mut asked = 0;
        let left = Patience::of(Duration::from_secs(60)).wait("wait", || {
            asked += 1;
            Ok(if asked < 3 { vec!["one".to_owned()] } else { Vec::new() })
        });
        assert!(left.unwrap().is_empty() && asked == 3);
        let left = Patience::of(Duration::ZERO).wait("wait", || Ok(vec!["two".to_owned()]));
        assert_eq!(left.unwrap(), ["two"]);
    }
}
