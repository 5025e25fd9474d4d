//! A seeded world of patients: an iterator of input records in the order of their arrival.
//!
//! Every record is a function of the settings and of its own number, so nothing but a cursor per patient is kept, and
//! a world of a million patients needs no more memory than that.

mod bad;
mod course;
mod profile;
mod records;
mod story;
mod wear;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use serde::Serialize;

use bad::Bad;
pub use bad::BadKind;
use profile::Profile;
use story::Story;
use wear::Wearer;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What a world is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Another seed, another world.
    pub seed: u64,
    /// How many patients.
    pub patients: u32,
    /// When the world begins.
    pub start: Instant,
    /// How long it lasts; nothing arrives later. Patients are treated over its first two thirds.
    pub days: u32,
    /// How many of 1000 patients wear a device.
    pub wearers_permille: u32,
    /// For how many days after the treatment they do.
    pub wear_days: u32,
    /// How many bad records of each kind are strewn in.
    pub bad_records: u32,
}

impl Default for Settings {
    /// A hundred patients over the year 2025, two of them wearing a device for three days, no bad record.
    fn default() -> Self {
        Self {
            seed: 1,
            patients: 100,
            start: Instant(1_735_689_600_000),
            days: 365,
            wearers_permille: 20,
            wear_days: 3,
            bad_records: 0,
        }
    }
}

impl Settings {
    /// When the world ends.
    #[must_use]
    pub fn end(&self) -> Instant {
        Instant(self.start.0 + i64::from(self.days) * DAY_MS)
    }
}

/// A record as it reaches Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimRecord {
    /// When it arrives, ms since 1970 UTC.
    pub at: i64,
    /// The topic, without an installation's prefix.
    pub topic: &'static str,
    /// The patient id.
    pub key: Vec<u8>,
    /// Framed Avro; of a bad record, whatever it is.
    pub value: Vec<u8>,
}

/// The next thing of one sender. The order of the variants decides between records of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cursor {
    Story {
        patient: u32,
        event: u32,
    },
    /// The block of a wearer's time that begins now.
    Block {
        patient: u32,
        block: u32,
    },
    Upload {
        patient: u32,
        block: u32,
        step: u32,
    },
    Bad {
        number: u32,
    },
}

/// The world; iterate to get its records.
#[derive(Clone, Debug)]
pub struct World {
    settings: Settings,
    next: BinaryHeap<Reverse<(i64, Cursor)>>,
    bad: Vec<Bad>,
}

impl World {
    /// The world of these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let bad = bad::strew(&settings);
        let mut world = Self { settings, next: BinaryHeap::new(), bad };
        for patient in 0..world.settings.patients {
            let story = world.story(patient);
            if let Some(first) = story.events.first() {
                world.push(first.at, Cursor::Story { patient, event: 0 });
            }
            if let Some(wearer) = Wearer::new(&story.profile, &world.settings) {
                world.push(wearer.block_start(0), Cursor::Block { patient, block: 0 });
            }
        }
        for number in 0.. {
            let Some(bad) = world.bad.get(number as usize) else { break };
            world.push(bad.at, Cursor::Bad { number });
        }
        world
    }

    /// What it is made from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn story(&self, patient: u32) -> Story {
        Story::new(Profile::new(&self.settings, patient), self.settings.seed)
    }

    fn push(&mut self, at: i64, cursor: Cursor) {
        if at <= self.settings.end().0 {
            self.next.push(Reverse((at, cursor)));
        }
    }

    fn advance(&mut self, at: i64, cursor: Cursor) -> Option<SimRecord> {
        let seed = self.settings.seed;
        match cursor {
            Cursor::Story { patient, event } => {
                let story = self.story(patient);
                if let Some(after) = story.events.get(event as usize + 1) {
                    self.push(after.at, Cursor::Story { patient, event: event + 1 });
                }
                story.events.get(event as usize).map(|event| story.record(*event, seed))
            }
            Cursor::Block { patient, block } => {
                let profile = Profile::new(&self.settings, patient);
                let wearer = Wearer::new(&profile, &self.settings)?;
                if wearer.wears_in(block + 1) {
                    self.push(wearer.block_start(block + 1), Cursor::Block { patient, block: block + 1 });
                }
                if let Some(first) = wearer.step_at(block, 0) {
                    self.push(first, Cursor::Upload { patient, block, step: 0 });
                }
                None
            }
            Cursor::Upload { patient, block, step } => {
                let profile = Profile::new(&self.settings, patient);
                let wearer = Wearer::new(&profile, &self.settings)?;
                if let Some(after) = wearer.step_at(block, step + 1) {
                    self.push(after, Cursor::Upload { patient, block, step: step + 1 });
                }
                wearer.upload(block, step).map(|value| SimRecord {
                    at,
                    topic: "wearable-readings",
                    key: profile.patient_id.clone().into_bytes(),
                    value,
                })
            }
            Cursor::Bad { number } => {
                let bad = self.bad.get(number as usize)?;
                Some(bad.record(&self.story(bad.patient), seed))
            }
        }
    }
}

impl Iterator for World {
    type Item = SimRecord;

    fn next(&mut self) -> Option<SimRecord> {
        loop {
            let Reverse((at, cursor)) = self.next.pop()?;
            if let Some(record) = self.advance(at, cursor) {
                return Some(record);
            }
        }
    }
}

fn framed<T: Serialize>(topic: &'static str, record: &T) -> Vec<u8> {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).expect("a wire struct fits the newest schema of its stream");
    value
}
