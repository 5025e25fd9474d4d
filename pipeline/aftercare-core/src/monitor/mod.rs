//! Whether a clinician or a site does worse, or better, than what is expected of their own patients: one number with
//! its limits ([`funnel_limits`]), and a chart over time that notices a change early ([`Cusum`]).
//!
//! Both take each patient's own risk or the common target as given. They say that chance does not explain a
//! difference, never why there is one.

mod cusum;
mod funnel;
mod risk;

pub use cusum::{Cusum, Point, weight};
pub use funnel::{Limits, Place, funnel_limits, funnel_place};
pub use risk::{calibrate, risk_below};
