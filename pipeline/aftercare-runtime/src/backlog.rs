//! How far the task is behind, in time and not in offsets: while more records wait, the age of the newest one taken.

use std::sync::atomic::Ordering::Relaxed;

use aftercare_stream::position::TopicId;

use crate::stats::TaskStats;
use crate::topics::{self, COUNT};

/// A topic of which nothing came for this long, while others have a backlog, has nothing waiting.
const SILENT_MS: i64 = 1_000;

/// By topic: when the newest record taken was written, and when it was taken; both ms since 1970 UTC, 0 for none.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    newest: [(i64, i64); COUNT],
}

impl Backlog {
    /// A record was taken that was written then.
    pub(crate) fn note(&mut self, topic: TopicId, written_at: i64, now: i64) {
        self.newest[topics::index(topic)] = (written_at, now);
    }

    /// Shows it: nothing of what was taken counts once the task has caught up.
    pub(crate) fn show(&mut self, caught_up: bool, now: i64, stats: &TaskStats) {
        for ((written_at, taken_at), shown) in self.newest.iter_mut().zip(&stats.behind_from) {
            if caught_up || *taken_at + SILENT_MS < now {
                *written_at = 0;
            }
            shown.store(*written_at, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{PROM_RESPONSES, WEARABLE_READINGS};

    fn shown(stats: &TaskStats) -> [i64; 2] {
        [PROM_RESPONSES, WEARABLE_READINGS].map(|topic| stats.behind_from[topics::index(topic)].load(Relaxed))
    }

    #[test]
    fn only_what_waits_is_behind() {
        let (mut backlog, stats) = (Backlog::default(), TaskStats::default());
        backlog.note(PROM_RESPONSES, 100, 9_000);
        backlog.note(WEARABLE_READINGS, 200, 9_000);
        backlog.show(false, 9_000, &stats);
        assert_eq!(shown(&stats), [100, 200]);
        backlog.note(WEARABLE_READINGS, 300, 11_000);
        backlog.show(false, 11_000, &stats);
        assert_eq!(shown(&stats), [0, 300]);
        backlog.show(true, 11_000, &stats);
        assert_eq!(shown(&stats), [0, 0]);
        backlog.show(false, 11_001, &stats);
        assert_eq!(shown(&stats), [0, 0]);
    }
}
