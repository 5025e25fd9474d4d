//! A seeded world of patients after four treatments: an iterator of input records in the order of their arrival.
//!
//! Every record is a function of the settings and of its own number, so nothing but a cursor per patient is kept, and
//! a world of a million patients needs no more memory than that.

mod adverse;
mod answers;
mod bad;
mod body;
mod course;
mod devices;
mod events;
mod laboratory;
mod profile;
mod records;
mod sessions;
mod story;
mod treatment;
mod truth;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{Control, ControlKind};
use serde::Serialize;

use bad::Bad;
pub use bad::BadKind;
use devices::{Device, Kind};
use profile::Profile;
use story::Story;
pub use truth::{AdverseEvent, Truth};

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
    /// How long it lasts. Patients are treated over its first two thirds.
    pub days: u32,
    /// For how many days it goes on after that, with the same patients; nothing arrives later.
    pub days_after: u32,
    /// How many of 1000 patients wear a watch. (Six times as many of those who feel an adverse event coming are lent one.)
    pub wearers_permille: u32,
    /// For how many days after the treatment they do; some again later.
    pub wear_days: u32,
    /// How many of 1000 patients measure blood pressure and weight at home every day (after a transplant four times as
    /// many, and they count their doses).
    pub home_permille: u32,
    /// How many bad records of each kind are strewn in.
    pub bad_records: u32,
    /// Whether clinicians' sessions are written too, keyed by clinician.
    pub sessions: bool,
    /// Every so many minutes a tick of the world's own time; 0: none.
    pub tick_minutes: u32,
}

impl Default for Settings {
    /// A hundred patients over the year 2025, two of them wearing a watch for three days, two measuring at home, no bad
    /// record, no tick.
    fn default() -> Self {
        Self {
            seed: 1,
            patients: 100,
            start: Instant(1_735_689_600_000),
            days: 365,
            days_after: 0,
            wearers_permille: 20,
            wear_days: 3,
            home_permille: 20,
            bad_records: 0,
            sessions: false,
            tick_minutes: 0,
        }
    }
}

impl Settings {
    /// When the world ends, unless it goes on.
    #[must_use]
    pub fn end(&self) -> Instant {
        Instant(self.start.0 + i64::from(self.days) * DAY_MS)
    }

    /// Nothing arrives later.
    fn horizon(&self) -> i64 {
        self.end().0 + i64::from(self.days_after) * DAY_MS
    }
}

/// A record as it reaches Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimRecord {
    /// When it arrives, ms since 1970 UTC.
    pub at: i64,
    /// The topic, without an installation's prefix. `control` stands for each of its partitions.
    pub topic: &'static str,
    /// The patient id; of a session the clinician's, of a tick nothing.
    pub key: Vec<u8>,
    /// Framed Avro; of a bad record, whatever it is.
    pub value: Vec<u8>,
}

/// The next thing of one sender. The order of the variants decides between records of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cursor {
    Tick {
        number: u32,
    },
    Story {
        patient: u32,
        event: u32,
    },
    /// The block of a device's time that begins now.
    Block {
        patient: u32,
        device: Kind,
        block: u32,
    },
    Upload {
        patient: u32,
        device: Kind,
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
        if world.settings.tick_minutes > 0 {
            world.push(world.settings.start.0, Cursor::Tick { number: 0 });
        }
        for patient in 0..world.settings.patients {
            let story = world.story(patient);
            if let Some(first) = story.events.first() {
                world.push(first.at, Cursor::Story { patient, event: 0 });
            }
            for kind in Kind::ALL {
                let device = Device::new(&story.profile, &world.settings, kind);
                if let Some(device) = device.filter(|device| device.has_block(0)) {
                    let first = device.block_start(0);
                    world.push(first, Cursor::Block { patient, device: kind, block: 0 });
                }
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

    /// What really happens to each patient.
    pub fn truth(&self) -> impl Iterator<Item = Truth> + '_ {
        (0..self.settings.patients).map(|patient| Truth::of(&Profile::new(&self.settings, patient)))
    }

    fn story(&self, patient: u32) -> Story {
        Story::new(&self.settings, patient)
    }

    fn push(&mut self, at: i64, cursor: Cursor) {
        if at <= self.settings.horizon() {
            self.next.push(Reverse((at, cursor)));
        }
    }

    fn advance(&mut self, at: i64, cursor: Cursor) -> Option<SimRecord> {
        let seed = self.settings.seed;
        match cursor {
            Cursor::Tick { number } => {
                let every = i64::from(self.settings.tick_minutes) * MINUTE_MS;
                self.push(at + every, Cursor::Tick { number: number + 1 });
                let tick = Control { kind: ControlKind::Tick, at: at + every, id: None, body: None };
                let value = framed("control", &tick);
                Some(SimRecord { at, topic: "control", key: Vec::new(), value })
            }
            Cursor::Story { patient, event } => {
                let story = self.story(patient);
                if let Some(after) = story.events.get(event as usize + 1) {
                    self.push(after.at, Cursor::Story { patient, event: event + 1 });
                }
                story.events.get(event as usize).map(|event| story.record(*event, seed))
            }
            Cursor::Block { patient, device: kind, block } => {
                let profile = Profile::new(&self.settings, patient);
                let device = Device::new(&profile, &self.settings, kind)?;
                if device.has_block(block + 1) {
                    let next = Cursor::Block { patient, device: kind, block: block + 1 };
                    self.push(device.block_start(block + 1), next);
                }
                if let Some(first) = device.step_at(block, 0) {
                    self.push(first, Cursor::Upload { patient, device: kind, block, step: 0 });
                }
                None
            }
            Cursor::Upload { patient, device: kind, block, step } => {
                let profile = Profile::new(&self.settings, patient);
                let device = Device::new(&profile, &self.settings, kind)?;
                if let Some(after) = device.step_at(block, step + 1) {
                    self.push(after, Cursor::Upload { patient, device: kind, block, step: step + 1 });
                }
                device.upload(block, step).map(|value| SimRecord {
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

pub(crate) fn framed<T: Serialize>(topic: &'static str, record: &T) -> Vec<u8> {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).expect("a wire struct fits the newest schema of its stream");
    value
}
