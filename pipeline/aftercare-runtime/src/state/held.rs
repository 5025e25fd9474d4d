//! Records that wait: an upload for its enrolment, anything from the future for its time.

use serde::{Deserialize, Serialize};

use super::PatientNo;

/// What a record waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum HeldFor {
    /// An episode it can belong to.
    Enrolment,
    /// A tick that reaches its event time.
    Tick {
        /// The greatest event time that is not in the future any more, when the record was read: parts of it up to
        /// here were taken then.
        taken_to: i64,
        /// The tick that ends the wait well.
        reaches_at: i64,
    },
}

/// A record that waits, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Its patient; of a clinician's session, the number of the clinician.
    pub(crate) patient: PatientNo,
    pub(crate) held_for: HeldFor,
    /// The tick at which its waiting ends, one way or the other.
    pub(crate) due: i64,
    pub(crate) topic: u8,
    pub(crate) offset: i64,
    pub(crate) produced_at: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Held {
    /// Bytes it is counted with.
    pub(crate) fn bytes(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        (self.value.len() + self.key.as_ref().map_or(0, Vec::len) + headers) as u64
    }
}
