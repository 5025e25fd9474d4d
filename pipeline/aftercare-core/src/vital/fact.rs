//! What the vitals say about a patient, as it is handed on to those who judge it.

use std::sync::Arc;

use crate::metric::Metric;
use crate::time::Instant;
use crate::vital::Moment;

/// Something that the vitals of one patient say, with the event time of its end.
#[derive(Clone, Debug, PartialEq)]
pub enum VitalFact {
    /// A 5-minute window was issued (again, if a late reading changed it).
    Window {
        /// What was measured.
        metric: Metric,
        /// The device that measured it.
        device: Arc<str>,
        /// When the window begins; it ends 5 minutes later.
        start: Instant,
        /// How many readings it has, without duplicates.
        readings: u32,
        /// Their mean, in the metric's unit.
        mean: f64,
        /// The least of them.
        min: f64,
        /// The greatest of them.
        max: f64,
    },
    /// An early warning score: all seven vitals lie at most 60 minutes apart.
    News2 {
        /// When the 5-minute window begins that it is about; it tells the score from others, whatever it becomes.
        slot_start: Instant,
        /// When the newest of the seven was measured.
        at: Instant,
        /// 0 to 20.
        score: u8,
        /// Some single vital has 3 points.
        any_three: bool,
        /// Points by vital.
        parts: [(&'static str, u8); 7],
    },
    /// How far a day's value lies from the patient's own 28 days before it.
    Deviation {
        /// What was measured.
        metric: Metric,
        /// When the day ended.
        at: Instant,
        /// The day's value, in the metric's unit.
        value: f64,
        /// The median of the days before.
        median: f64,
        /// `0.6745 * (value - median) / MAD`: in standard deviations, were the days normally distributed.
        robust_z: f64,
    },
    /// Doses taken of doses due on one day of the patient's own calendar.
    Adherence {
        /// When the day began where the patient lives.
        day_start: Instant,
        /// Doses taken.
        taken: u32,
        /// Doses due.
        due: u32,
    },
    /// Systolic pressure rose steeply.
    Surge {
        /// When the window with the higher pressure begins; it tells the surge from others.
        slot_start: Instant,
        /// The end of the window with the higher pressure.
        at: Instant,
        /// The mean of the lower window, mmHg.
        from: f64,
        /// The mean of the higher window, mmHg.
        to: f64,
        /// Minutes between the two windows.
        minutes: u32,
    },
    /// What was said of a moment holds no more: a late or corrected reading denies it.
    Gone {
        /// What was said.
        moment: Moment,
        /// When the 5-minute window begins that it was about.
        slot_start: Instant,
    },
}
