//! Vital signs of one patient: what their windows say beyond the single number.

mod fact;

pub use fact::VitalFact;
