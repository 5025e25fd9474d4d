//! What wearables measure, and in which unit it is kept.

use crate::reason::Reason;
use crate::unit;
use crate::window::Micros;

/// What a reading measures. The position in `ALL` is kept in state: append, never reorder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Metric(u8);

/// How many positions there are, that of "unknown" included.
pub(crate) const POSITIONS: usize = 15;

/// (name, UCUM unit) of every metric.
const METRICS: [(&str, &str); POSITIONS] = [
    ("unknown", ""),
    ("heart_rate", "/min"),
    ("systolic_pressure", "mm[Hg]"),
    ("diastolic_pressure", "mm[Hg]"),
    ("oxygen_saturation", "%"),
    ("respiration_rate", "/min"),
    ("body_temperature", "Cel"),
    ("body_weight", "kg"),
    ("blood_glucose", "mmol/L"),
    ("steps", "{steps}"),
    ("sleep_duration", "min"),
    ("supplemental_oxygen", "L/min"),
    ("consciousness", "{ACVPU}"),
    ("doses_taken", "{dose}"),
    ("doses_due", "{dose}"),
];

impl Metric {
    /// Beats of the heart a minute.
    pub const HEART_RATE: Metric = Metric(1);
    /// Systolic blood pressure.
    pub const SYSTOLIC_PRESSURE: Metric = Metric(2);

    /// The metric at this position; `None` for 0 (unknown) and for positions that no metric has.
    #[must_use]
    pub fn at(position: u8) -> Option<Self> {
        (position > 0 && usize::from(position) < METRICS.len()).then_some(Self(position))
    }

    /// The metric of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        (1..).map_while(Self::at).find(|metric| metric.name() == name)
    }

    /// Whether its readings count something (steps, doses), so that those of a day add up.
    #[must_use]
    pub fn adds_up(self) -> bool {
        self.counts_doses() || matches!(self.name(), "steps" | "sleep_duration")
    }

    /// The value of a reading as it is kept, if it can be: in the metric's unit, converted where it came in another one
    /// that the metric may have. Whether it is plausible says [`crate::documents::Library::admit`].
    ///
    /// # Errors
    /// `UnsupportedUnit`, or `ImplausibleValue` where it is no number or has no room.
    #[inline]
    pub fn in_own_unit(self, unit: &str, value: f64) -> Result<Micros, Reason> {
        if unit == self.unit() {
            return Micros::from_units(value).ok_or(Reason::ImplausibleValue);
        }
        let conversion = unit::conversion(self.name(), unit).ok_or(Reason::UnsupportedUnit)?;
        let foreign = Micros::from_units(value).ok_or(Reason::ImplausibleValue)?;
        let own = conversion.apply(foreign.millionths()).map(Micros::from_millionths);
        own.filter(|own| own.is_in_range()).ok_or(Reason::ImplausibleValue)
    }

    /// Whether its readings are doses of drugs, taken or due.
    #[must_use]
    pub fn counts_doses(self) -> bool {
        matches!(self.name(), "doses_taken" | "doses_due")
    }

    /// Its position.
    #[must_use]
    pub fn position(self) -> u8 {
        self.0
    }

    /// Its name on the wire and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        METRICS[usize::from(self.0)].0
    }

    /// The UCUM unit in which it is kept.
    #[must_use]
    pub fn unit(self) -> &'static str {
        METRICS[usize::from(self.0)].1
    }
}
