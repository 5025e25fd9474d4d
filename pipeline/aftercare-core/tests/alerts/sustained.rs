//! A threshold that must be sustained, over any sequence of windows: one alert for each onset, none for anything else.

use aftercare_core::alert::AlertStatus;
use proptest::prelude::*;

use crate::desk::{Desk, MINUTE, T};
use crate::rules::fast_pulse;

/// The rule of [`fast_pulse`], in its words: 130 and more for 30 minutes, over below 115; windows that begin more than 10
/// minutes apart do not belong together.
const LIMIT: f64 = 130.0;
const CLEAR: f64 = 115.0;
const MINUTES: i64 = 30;
const GAP_MINUTES: i64 = 10;
const WINDOW_MINUTES: i64 = 5;
/// So many onsets an alert tells of.
const ROOM: usize = 18;

/// How often the condition begins, told from all windows (minute of the begin, mean) at once: stretches of windows that
/// belong together and of which none is over, as far as a run of high ones in them is long enough.
fn onsets(windows: &[(i64, f64)]) -> usize {
    let apart = |pair: &[(i64, f64)]| pair[1].0 - pair[0].0 > GAP_MINUTES;
    let together = windows.chunk_by(|one, other| !apart(&[*one, *other]));
    let stretches = together.flat_map(|group| group.split(|(_, mean)| *mean < CLEAR));
    let is_sustained = |stretch: &[(i64, f64)]| {
        stretch.split(|(_, mean)| *mean < LIMIT).any(|run| {
            let ends = run.first().zip(run.last());
            ends.is_some_and(|(first, last)| last.0 + WINDOW_MINUTES - first.0 >= MINUTES)
        })
    };
    stretches.filter(|stretch| is_sustained(stretch)).count()
}

/// Windows with gaps between some of them; means that like to stay where they are, at and around the limits.
fn windows() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let means = prop::sample::select(vec![100.0, 114.9, 115.0, 129.9, 130.0, 160.0]);
    let gaps = || prop_oneof![12 => Just(1i64), 1 => Just(2i64), 1 => Just(3i64), 1 => Just(5i64)];
    // Some last so long that what came before is forgotten.
    let lengths = prop_oneof![
        6 => prop::collection::vec(gaps(), 1..14),
        1 => prop::collection::vec(gaps(), 40..60),
    ];
    let stretch = (means, lengths);
    prop::collection::vec(stretch, 1..16).prop_map(|stretches| {
        let mut minute = 0;
        let mut windows = Vec::new();
        for (mean, gaps) in stretches {
            for gap in gaps {
                minute += gap * WINDOW_MINUTES;
                windows.push((minute, mean));
            }
        }
        windows
    })
}

proptest! {
    #[test]
    fn each_onset_has_one_alert_and_nothing_else_has(windows in windows()) {
        let mut answered = Desk::new(&fast_pulse("warning"));
        let mut left_alone = Desk::new(&fast_pulse("warning"));
        for (minute, mean) in &windows {
            let rows = answered.window(T + minute * MINUTE, *mean);
            prop_assert!(rows <= 1);
            if rows == 1 {
                let alert_id = answered.last().alert_id.clone();
                let action = Box::leak(format!("act-{minute}").into_boxed_str());
                answered.act(action, &alert_id, "resolve");
            }
            left_alone.window(T + minute * MINUTE, *mean);
        }
        let expected = onsets(&windows);
        prop_assert_eq!(answered.alerts().len(), expected, "resolved as soon as it was raised: {:?}", windows);
        // What nobody resolved is one matter: a later onset is added to it, as long as it has room for evidence.
        prop_assert_eq!(left_alone.alerts().len(), expected.min(1));
        prop_assert_eq!(left_alone.rows.len().min(ROOM), expected.min(ROOM));
    }

    #[test]
    fn readings_too_seldom_sustain_nothing(high in 130.0f64..200.0, apart in 3i64..20, count in 1usize..40) {
        let mut desk = Desk::new(&fast_pulse("warning"));
        for (n, _) in (0i64..).zip(0..count) {
            desk.window(T + n * apart * WINDOW_MINUTES * MINUTE, high);
        }
        prop_assert_eq!(desk.rows.len(), 0);
    }

    #[test]
    fn what_swings_between_its_limits_is_one_alert(means in prop::collection::vec(115.0f64..160.0, 0..80)) {
        let mut desk = Desk::new(&fast_pulse("warning"));
        let first = (0..6).map(|n| (n, 131.0));
        for (n, mean) in first.chain((6i64..).zip(means)) {
            desk.window(T + n * WINDOW_MINUTES * MINUTE, mean);
        }
        prop_assert_eq!(desk.rows.len(), 1);
    }
}

/// As much is kept of a metric as three hours of windows: of the run that was told, the beginning leaves first.
#[test]
fn an_onset_stays_told_when_its_beginning_is_forgotten() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    let means = [131.0; 6].into_iter().chain([115.0; 26]).chain([140.0; 12]);
    for (n, mean) in (0i64..).zip(means) {
        desk.window(T + n * WINDOW_MINUTES * MINUTE, mean);
        if n == 6 {
            desk.act("a-1", &desk.last().alert_id.clone(), "resolve");
        }
    }
    assert_eq!(desk.alerts().len(), 1, "it was never over");
}

/// Hours after the condition was over nothing is kept of the windows; that denies no alert.
#[test]
fn an_alert_stands_when_its_windows_are_forgotten() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    let means = [131.0; 6].into_iter().chain([100.0; 60]).chain([120.0, 100.0]);
    for (n, mean) in (0i64..).zip(means) {
        desk.window(T + n * WINDOW_MINUTES * MINUTE, mean);
    }
    assert_eq!((desk.rows.len(), desk.last().status), (1, AlertStatus::Open));
}
