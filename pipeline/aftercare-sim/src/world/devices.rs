//! The devices of a patient: a watch that measures all the time, a monitor for hospital at home, and a cuff, a scale and
//! a pill box for every day; with gaps, faults, repeats and late uploads.

use aftercare_schemas::wire::{Metric, Reading, Source, WearableUpload};

use crate::rng::Rng;

use super::body::{Body, Fault};
use super::profile::{Profile, purpose};
use super::{DAY_MS, HOUR_MS, MINUTE_MS, Settings, framed};

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Heart rate each minute, some others more rarely.
    Watch,
    /// All that an early warning score needs, every four hours.
    Monitor,
    /// Blood pressure, weight, doses, mornings and evenings.
    Home,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Watch, Self::Monitor, Self::Home];
}

/// Minutes of a watch's block, in which it is worn and connected, or not. The others' blocks are days.
const WATCH_BLOCK_MINUTES: u32 = 180;
/// For how many days a patient measures at home.
const HOME_DAYS: u32 = 365;
/// So many times as many patients as wear a watch are lent one, with a monitor, when they feel an adverse event coming.
const LENT_TIMES: u32 = 6;
/// Hospital at home takes at most so many days.
const MONITOR_DAYS_MAX: u32 = 5;

/// Blocks one after the other.
#[derive(Clone, Copy)]
struct Spell {
    begins: i64,
    blocks: u32,
}

pub(super) struct Device<'a> {
    profile: &'a Profile,
    body: Body<'a>,
    seed: u64,
    kind: Kind,
    device_id: String,
    first: Spell,
    second: Option<Spell>,
    /// Minutes in one upload of a watch: 15, or 1.
    per_upload: u32,
    /// Days of a home device without a measurement, counted from its first.
    quiet: std::ops::Range<u32>,
}

impl<'a> Device<'a> {
    /// `None` when the patient has no such device.
    pub(super) fn new(profile: &'a Profile, settings: &Settings, kind: Kind) -> Option<Self> {
        let labels = [purpose::DEVICE, u64::from(profile.number), 1 + kind as u64];
        let rng = &mut Rng::new(settings.seed, &labels);
        let device_id = format!("{}{:012x}", ["w", "m", "h"][kind as usize], rng.bits() >> 16);
        let (one_by_one, monitored) = (rng.permille(250), rng.permille(400));
        let quiet = quiet_days(rng);
        let (has, begins, blocks) = match kind {
            Kind::Watch => {
                let hour = (profile.treated_at + DAY_MS).div_euclid(HOUR_MS) * HOUR_MS;
                (profile.wears, hour, settings.wear_days * 8)
            }
            Kind::Monitor => {
                let midnight = profile.midnight(profile.treated_at + 2 * DAY_MS);
                (profile.wears && monitored, midnight, settings.wear_days.min(MONITOR_DAYS_MAX))
            }
            Kind::Home => {
                (profile.measures_at_home, profile.midnight(profile.treated_at + 3 * DAY_MS), HOME_DAYS)
            }
        };
        let first = Spell { begins, blocks: if has { blocks } else { 0 } };
        let later = Later::of(profile, settings).filter(|later| kind != Kind::Home && (has || later.lent));
        let second = later.map(|later| Spell { begins: profile.midnight(later.at), blocks });
        let second = second.filter(|s| s.begins >= begins + i64::from(first.blocks) * kind.block_ms());
        (has || second.is_some()).then(|| Self {
            profile,
            body: Body::new(profile, settings),
            seed: settings.seed,
            kind,
            device_id,
            first,
            second,
            per_upload: if one_by_one { 1 } else { 15 },
            quiet,
        })
    }

    pub(super) fn has_block(&self, block: u32) -> bool {
        block < self.first.blocks + self.second.map_or(0, |spell| spell.blocks)
    }

    pub(super) fn block_start(&self, block: u32) -> i64 {
        let (spell, within) = match self.second {
            Some(second) if block >= self.first.blocks => (second, block - self.first.blocks),
            _ => (self.first, block),
        };
        spell.begins + i64::from(within) * self.kind.block_ms()
    }

    fn rng(&self, block: u32, number: u32) -> Rng {
        let device = 1 + self.kind as u64;
        let labels =
            [purpose::DEVICE, u64::from(self.profile.number), device, u64::from(block) + 1, number.into()];
        Rng::new(self.seed, &labels)
    }

    fn uploads(&self) -> u32 {
        match self.kind {
            Kind::Watch => WATCH_BLOCK_MINUTES / self.per_upload,
            Kind::Monitor => 6,
            Kind::Home => 2,
        }
    }

    /// When upload `upload` of the block was measured to its end.
    fn measured_at(&self, block: u32, upload: u32) -> i64 {
        let start = self.block_start(block);
        let jitter = |most: i64| self.rng(block, 2_000_000 + upload).between(0, most);
        match self.kind {
            Kind::Watch => start + i64::from((upload + 1) * self.per_upload) * MINUTE_MS,
            Kind::Monitor => start + i64::from(upload * 4 + 2) * HOUR_MS + jitter(20 * MINUTE_MS),
            Kind::Home => {
                let hour = if upload == 0 { 7 } else { 20 };
                start + hour * HOUR_MS + jitter(80 * MINUTE_MS)
            }
        }
    }

    /// When step `step` of the block arrives: even steps are uploads, odd ones the repeat of the one before, if any.
    /// `None` after the last step, and in a block in which the device is not used.
    pub(super) fn step_at(&self, block: u32, step: u32) -> Option<i64> {
        let upload = step / 2;
        let rng = &mut self.rng(block, u32::MAX);
        let (draw, delivery) = (rng.between(0, 1000), rng.between(0, 1000));
        let used = match self.kind {
            Kind::Watch => draw < 900,
            Kind::Monitor => draw < 980,
            Kind::Home => draw < 930 && !self.quiet.contains(&block),
        };
        let start = self.block_start(block);
        let end = start + self.kind.block_ms();
        let away = self.profile.is_in_hospital(start) || self.profile.is_in_hospital(end);
        if !self.has_block(block) || !used || away || upload >= self.uploads() {
            return None;
        }
        let waits = i64::from(step) * 400;
        Some(match delivery {
            // The phone was away: the block arrives at its end, or days later.
            0..40 => end + waits,
            40..43 => end + 2 * DAY_MS + waits,
            _ => self.measured_at(block, upload) + 1_500 + i64::from(step % 2) * 700,
        })
    }

    /// The value of that step's record; `None` when nothing is sent.
    pub(super) fn upload(&self, block: u32, step: u32) -> Option<Vec<u8>> {
        let upload = step / 2;
        let rng = &mut self.rng(block, upload);
        let (lost, repeated, overlaps) = (rng.permille(10), rng.permille(15), rng.permille(50));
        if lost || (step % 2 == 1 && !repeated) {
            return None;
        }
        let mut readings = Vec::new();
        match self.kind {
            Kind::Watch => {
                let first = upload * self.per_upload;
                // Some uploads carry the end of the one before again.
                let from = if overlaps { first.saturating_sub(2) } else { first };
                for minute in from..first + self.per_upload {
                    self.watch(block, minute, &mut readings);
                }
            }
            Kind::Monitor => self.monitor(block, upload, &mut readings),
            Kind::Home => self.home(block, upload, &mut readings),
        }
        (!readings.is_empty()).then(|| {
            let patient_id = &self.profile.patient_id;
            let (device_id, source) = (&*self.device_id, Source::Simulated);
            framed("wearable-readings", &WearableUpload { patient_id, device_id, source, readings })
        })
    }

    /// What a watch measures in one minute: the same whenever it is asked.
    fn watch(&self, block: u32, minute: u32, readings: &mut Vec<Reading<'static>>) {
        let fault = match self.rng(block, u32::MAX - 1).between(0, 1000) {
            0..8 => Fault::Stuck,
            8..20 => Fault::Spikes,
            20..32 => Fault::Cold,
            _ => Fault::None,
        };
        let rng = &mut self.rng(block, 1_000_000 + minute);
        let at = self.block_start(block) + i64::from(minute) * MINUTE_MS;
        if rng.permille(970) {
            let measured_at = at + rng.between(0, 50_000);
            readings.push(self.reading(Metric::HeartRate, measured_at, fault, rng));
        }
        if minute.is_multiple_of(15) {
            for metric in [Metric::OxygenSaturation, Metric::RespirationRate, Metric::Steps] {
                readings.push(self.reading(metric, at, fault, rng));
            }
        }
        if minute.is_multiple_of(60) {
            readings.push(self.reading(Metric::BodyTemperature, at, fault, rng));
        }
        if at == self.profile.midnight(at) + 7 * HOUR_MS {
            readings.push(self.reading(Metric::SleepDuration, at, fault, rng));
        }
    }

    /// One round of hospital at home.
    fn monitor(&self, block: u32, upload: u32, readings: &mut Vec<Reading<'static>>) {
        let rng = &mut self.rng(block, 1_000_000 + upload);
        let at = self.measured_at(block, upload) - 5 * MINUTE_MS;
        let round = [
            Metric::HeartRate,
            Metric::SystolicPressure,
            Metric::DiastolicPressure,
            Metric::OxygenSaturation,
            Metric::SupplementalOxygen,
            Metric::RespirationRate,
            Metric::BodyTemperature,
            Metric::Consciousness,
        ];
        for (metric, minute) in round.into_iter().zip(0..) {
            // A round is not always complete.
            if rng.permille(985) {
                readings.push(self.reading(metric, at + minute * 30_000, Fault::None, rng));
            }
        }
    }

    /// The morning's or the evening's measurements.
    fn home(&self, block: u32, upload: u32, readings: &mut Vec<Reading<'static>>) {
        let rng = &mut self.rng(block, 1_000_000 + upload);
        let at = self.measured_at(block, upload) - 2 * MINUTE_MS;
        let mut measure = |metric, at| readings.push(self.reading(metric, at, Fault::None, rng));
        let pressure = [Metric::SystolicPressure, Metric::DiastolicPressure];
        if upload == 1 && self.profile.has("I10") {
            // Twice, as one is told to with a high pressure.
            pressure.into_iter().for_each(|metric| measure(metric, at - 30 * MINUTE_MS));
        }
        pressure.into_iter().for_each(|metric| measure(metric, at));
        if upload == 0 {
            measure(Metric::BodyWeight, at);
            if self.profile.has("E11.9") {
                measure(Metric::BloodGlucose, at);
            }
        }
        if self.body.counts_doses() {
            measure(Metric::DosesDue, at);
            measure(Metric::DosesTaken, at);
        }
    }

    fn reading(&self, metric: Metric, at: i64, fault: Fault, rng: &mut Rng) -> Reading<'static> {
        let value = self.body.measure(metric, at, fault, rng);
        Reading { metric, value, unit: unit(metric), measured_at: at }
    }
}

impl Kind {
    fn block_ms(self) -> i64 {
        if self == Self::Watch { i64::from(WATCH_BLOCK_MINUTES) * MINUTE_MS } else { DAY_MS }
    }
}

/// Some stop for good, some for a while.
fn quiet_days(rng: &mut Rng) -> std::ops::Range<u32> {
    let day = |rng: &mut Rng, low, high| u32::try_from(rng.between(low, high)).expect("a day of a year");
    let (draw, from, takes) = (rng.between(0, 1000), day(rng, 20, 300), day(rng, 4, 11));
    match draw {
        0..150 => from..HOME_DAYS,
        150..350 => from..from + takes,
        _ => 0..0,
    }
}

/// When watch and monitor come out again.
struct Later {
    at: i64,
    /// The hospital lends them to a patient who had none.
    lent: bool,
}

impl Later {
    /// Mostly because something feels wrong.
    fn of(profile: &Profile, settings: &Settings) -> Option<Self> {
        let labels = [purpose::DEVICE, u64::from(profile.number), 0];
        let rng = &mut Rng::new(settings.seed, &labels);
        let (warned, anyway) = (rng.permille(650), rng.permille(150));
        let some_day = profile.treated_at + rng.between(40, 200) * DAY_MS;
        let lent = rng.permille(settings.wearers_permille.saturating_mul(LENT_TIMES));
        let feels = profile.course.adverse.is_some_and(|adverse| adverse.in_vitals);
        let before = i64::from(settings.wear_days.min(MONITOR_DAYS_MAX)) * DAY_MS;
        match profile.onset_at() {
            Some(onset) if feels && (warned || lent) => Some(Self { at: onset - before, lent }),
            _ => anyway.then_some(Self { at: some_day, lent: false }),
        }
    }
}

fn unit(metric: Metric) -> &'static str {
    let known = (1..).map_while(aftercare_core::metric::Metric::at);
    let mut named = known.filter(|known| known.name() == metric.as_str());
    named.next().map_or("", aftercare_core::metric::Metric::unit)
}
