//! Vital signs of one patient: what their windows say beyond the single number.

mod baseline;
mod book;
mod fact;
mod lived;
mod moment;
pub mod news2;
mod summary;
mod window;

pub use baseline::Deviation;
pub use book::{Late, Moment, SeriesKey, VitalBook, slots_in};
pub use fact::VitalFact;
pub use lived::LivedDay;
pub use moment::{News2At, Surge, news2_at, surge_at};
pub use summary::Summary;
pub use window::{HOUR_MS, SLOTS_PER_HOUR, Target, WindowRow, by_day, hour_of, hour_start, windows_of};
