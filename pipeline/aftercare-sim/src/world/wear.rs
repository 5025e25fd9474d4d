//! A device on a patient's wrist: heart rate each minute with a day's rhythm, gaps, repeats and late uploads.

use aftercare_schemas::wire::{Metric, Reading, Source, WearableUpload};

use crate::rng::Rng;

use super::profile::{Profile, purpose};
use super::{DAY_MS, HOUR_MS, MINUTE_MS, Settings, framed};

/// Time is divided into blocks of three hours, in each of which the device is worn and connected, or not.
const BLOCK_MINUTES: u32 = 180;
const BLOCK_MS: i64 = BLOCK_MINUTES as i64 * MINUTE_MS;

pub(super) struct Wearer<'a> {
    profile: &'a Profile,
    seed: u64,
    device_id: String,
    begins: i64,
    blocks: u32,
    /// Minutes in one upload: 15, or 1.
    per_upload: u32,
    resting_rate: f64,
}

impl<'a> Wearer<'a> {
    /// `None` when the patient wears no device.
    pub(super) fn new(profile: &'a Profile, settings: &Settings) -> Option<Self> {
        if !profile.wears {
            return None;
        }
        let rng = &mut Rng::new(settings.seed, &[purpose::WEAR, u64::from(profile.number)]);
        let first_hour = (profile.treated_at + DAY_MS).div_euclid(HOUR_MS);
        Some(Self {
            profile,
            seed: settings.seed,
            device_id: format!("w{:012x}", rng.bits() >> 16),
            begins: first_hour * HOUR_MS,
            blocks: settings.wear_days * 8,
            per_upload: if rng.permille(250) { 1 } else { 15 },
            resting_rate: 62.0 + 7.0 * rng.normal(),
        })
    }

    pub(super) fn wears_in(&self, block: u32) -> bool {
        block < self.blocks
    }

    pub(super) fn block_start(&self, block: u32) -> i64 {
        self.begins + i64::from(block) * BLOCK_MS
    }

    fn rng(&self, block: u32, number: u32) -> Rng {
        let labels = [purpose::WEAR, u64::from(self.profile.number), u64::from(block) + 1, u64::from(number)];
        Rng::new(self.seed, &labels)
    }

    /// When step `step` of the block arrives: even steps are uploads, odd ones the repeat of the one before, if any.
    /// `None` after the last step, and in a block in which the device is not worn.
    pub(super) fn step_at(&self, block: u32, step: u32) -> Option<i64> {
        let upload = step / 2;
        let rng = &mut self.rng(block, u32::MAX);
        let (worn, delivery) = (rng.permille(900), rng.between(0, 1000));
        if !self.wears_in(block) || !worn || upload >= BLOCK_MINUTES / self.per_upload {
            return None;
        }
        let end = self.block_start(block) + BLOCK_MS;
        let waits = i64::from(step) * 400;
        Some(match delivery {
            // The phone was away: the block arrives at its end, or days later.
            0..40 => end + waits,
            40..43 => end + 2 * DAY_MS + waits,
            _ => {
                let measured = i64::from((upload + 1) * self.per_upload) * MINUTE_MS;
                self.block_start(block) + measured + 1_500 + i64::from(step % 2) * 700
            }
        })
    }

    /// The value of that step's record; `None` when nothing is sent.
    pub(super) fn upload(&self, block: u32, step: u32) -> Option<Vec<u8>> {
        let rng = &mut self.rng(block, step / 2);
        let (lost, repeated, overlaps) = (rng.permille(10), rng.permille(15), rng.permille(50));
        if lost || (step % 2 == 1 && !repeated) {
            return None;
        }
        let first = step / 2 * self.per_upload;
        // Some uploads carry the end of the one before again.
        let from = if overlaps { first.saturating_sub(2) } else { first };
        let mut readings = Vec::new();
        for minute in from..first + self.per_upload {
            self.measure(block, minute, &mut readings);
        }
        (!readings.is_empty()).then(|| {
            framed(
                "wearable-readings",
                &WearableUpload {
                    patient_id: &self.profile.patient_id,
                    device_id: &self.device_id,
                    source: Source::Simulated,
                    readings,
                },
            )
        })
    }

    /// What is measured in one minute: the same whenever it is asked.
    #[allow(clippy::cast_precision_loss, reason = "days in ms are exact")]
    fn measure(&self, block: u32, minute: u32, readings: &mut Vec<Reading<'static>>) {
        let rng = &mut self.rng(block, 1_000_000 + minute);
        let at = self.block_start(block) + i64::from(minute) * MINUTE_MS;
        if rng.permille(970) {
            let day = at.rem_euclid(DAY_MS) as f64 / DAY_MS as f64;
            let rhythm = 7.0 * libm::sin(std::f64::consts::TAU * (day - 0.35));
            let effort = if rng.permille(60) { 35.0 * rng.unit() } else { 0.0 };
            let value = (self.resting_rate + rhythm + effort + 2.5 * rng.normal()).round().clamp(35.0, 200.0);
            let measured_at = at + rng.between(0, 50_000);
            readings.push(Reading { metric: Metric::HeartRate, value, unit: "/min", measured_at });
        }
        if minute.is_multiple_of(15) {
            let value = (96.5 + 1.2 * rng.normal()).round().clamp(85.0, 100.0);
            readings.push(Reading { metric: Metric::OxygenSaturation, value, unit: "%", measured_at: at });
        }
    }
}
