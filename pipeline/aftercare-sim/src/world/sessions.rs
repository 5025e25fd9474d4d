//! What clinicians do with uploads: some review each with care, some too late, some at a glance, some all at once.

use crate::rng::Rng;

use super::story::Upload;
use super::{DAY_MS, HOUR_MS, MINUTE_MS};

/// One session in the clinician app about one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    pub(super) slot: u32,
    pub(super) started_at: i64,
    pub(super) ended_at: i64,
    /// Sent while it goes on, without its end; a second revision brings that.
    pub(super) open: bool,
    pub(super) revision: i32,
    pub(super) interactions: i32,
    pub(super) sections: usize,
    pub(super) messages: i32,
}

/// What can be read about an upload, in the order in which clinicians look.
pub(super) const SECTIONS: [&str; 6] = ["trajectory", "answers", "vitals", "medication", "history", "plan"];

/// How a clinician works.
#[derive(Clone, Copy)]
enum Style {
    Careful,
    Late,
    /// Everything of two weeks within four minutes.
    Bursts,
    /// Opens and closes.
    Glances,
}

fn style(clinician: &str) -> Style {
    match clinician {
        "doctor-13" => Style::Bursts,
        "doctor-12" | "doctor-42" => Style::Late,
        "doctor-22" => Style::Glances,
        _ => Style::Careful,
    }
}

const BURST_EVERY_MS: i64 = 14 * DAY_MS;

/// The session about an upload; `None` where nobody looks.
pub(super) fn about(upload: Upload, clinician: &str, rng: &mut Rng) -> Option<Session> {
    if rng.permille(60) {
        return None;
    }
    let careful = rng.permille(400);
    let uploaded_at = upload.uploaded_at;
    let style = match style(clinician) {
        Style::Glances if careful => Style::Careful,
        other => other,
    };
    let started_at = match style {
        Style::Careful => uploaded_at + rng.between(2 * HOUR_MS, 4 * DAY_MS),
        Style::Late => uploaded_at + rng.between(4 * DAY_MS, 13 * DAY_MS),
        Style::Glances => uploaded_at + rng.between(HOUR_MS, 2 * DAY_MS),
        Style::Bursts => {
            // Each has an evening of its own.
            let of_clinician = clinician.bytes().fold(0, |sum, byte| sum + i64::from(byte));
            let evening = (of_clinician % 14) * DAY_MS + 11 * HOUR_MS;
            let before = (uploaded_at - evening).div_euclid(BURST_EVERY_MS);
            (before + 1) * BURST_EVERY_MS + evening + rng.between(0, 4 * MINUTE_MS)
        }
    };
    let (lasts, interactions, sections) = match style {
        Style::Careful | Style::Late => (rng.between(35_000, 400_000), rng.between(4, 30), rng.between(2, 7)),
        Style::Bursts => (rng.between(31_000, 70_000), rng.between(3, 8), rng.between(2, 4)),
        Style::Glances => (rng.between(4_000, 29_000), rng.between(0, 3), rng.between(0, 2)),
    };
    Some(Session {
        slot: upload.slot,
        started_at,
        ended_at: started_at + lasts,
        open: false,
        revision: 1,
        interactions: i32::try_from(interactions).expect("a few"),
        sections: usize::try_from(sections).expect("a few"),
        messages: i32::from(rng.permille(100)),
    })
}
