//! What a world is made of.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{ClinicalEvent, Enrolment, PromResponse, RecordStatus, WearableUpload};
use aftercare_sim::world::{BadKind, Settings, SimRecord, World};

fn settings() -> Settings {
    Settings { patients: 60, wearers_permille: 50, wear_days: 2, ..Settings::default() }
}

fn records(settings: &Settings) -> Vec<SimRecord> {
    World::new(settings.clone()).collect()
}

fn of<'a>(records: &'a [SimRecord], topic: &str) -> Vec<&'a SimRecord> {
    records.iter().filter(|r| r.topic == topic).collect()
}

fn responses(records: &[SimRecord]) -> Vec<(i64, PromResponse<'_>)> {
    let topic = "prom-responses";
    of(records, topic).iter().map(|r| (r.at, codec::decode(topic, Some(&r.value), None).unwrap())).collect()
}

#[test]
fn the_same_settings_give_the_same_bytes_and_another_seed_others() {
    let (once, again) = (records(&settings()), records(&settings()));
    assert!(once == again);
    assert!(records(&Settings { seed: 2, ..settings() }) != once);
}

#[test]
fn a_patient_is_the_same_in_a_larger_world() {
    let (small, large) = (records(&settings()), records(&Settings { patients: 90, ..settings() }));
    let key = &small[0].key;
    let of_one = |all: &[SimRecord]| all.iter().filter(|r| r.key == *key).cloned().collect::<Vec<_>>();
    assert!(of_one(&small) == of_one(&large));
}

#[test]
fn records_come_in_order_of_arrival_and_within_the_world() {
    let settings = settings();
    let records = records(&settings);
    assert!(records.is_sorted_by_key(|r| r.at));
    assert!(records.iter().all(|r| settings.start.0 <= r.at && r.at <= settings.end().0));
    let topics: BTreeSet<&str> = records.iter().map(|r| r.topic).collect();
    let known = ["clinical-events", "enrolments", "prom-responses", "wearable-readings"];
    assert!(topics.iter().eq(known.iter()), "{topics:?}");
}

#[test]
fn every_good_record_is_readable_and_keyed_by_its_patient() {
    for record in records(&settings()) {
        let value = Some(record.value.as_slice());
        let patient = match record.topic {
            "enrolments" => codec::decode::<Enrolment>(record.topic, value, None).unwrap().patient_id,
            "prom-responses" => codec::decode::<PromResponse>(record.topic, value, None).unwrap().patient_id,
            "clinical-events" => {
                codec::decode::<ClinicalEvent>(record.topic, value, None).unwrap().patient_id
            }
            _ => codec::decode::<WearableUpload>(record.topic, value, None).unwrap().patient_id,
        };
        assert_eq!(patient.as_bytes(), record.key);
    }
}

#[test]
fn uploads_are_missed_late_out_of_order_repeated_amended_and_withdrawn() {
    let settings = Settings { patients: 300, wearers_permille: 0, ..Settings::default() };
    let records = records(&settings);
    let responses = responses(&records);
    let count = |what: &dyn Fn(&(i64, PromResponse)) -> bool| responses.iter().filter(|r| what(r)).count();
    let day = 86_400_000;
    assert!(count(&|(_, r)| r.uploaded_at - r.answered_at > day) > 50, "late");
    assert!(count(&|(_, r)| r.status == RecordStatus::Amended) > 20, "amended");
    assert!(count(&|(_, r)| r.status == RecordStatus::EnteredInError) > 5, "withdrawn");
    assert!(count(&|(_, r)| r.episode_id.is_none()) > 50, "for each episode");
    let mut seen = BTreeSet::new();
    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    let (mut repeated, mut out_of_order) = (0, 0);
    for (_, r) in &responses {
        repeated += usize::from(!seen.insert((r.id, r.revision)));
        let latest = latest.entry(r.patient_id).or_insert(i64::MIN);
        out_of_order += usize::from(r.answered_at < *latest);
        *latest = r.answered_at.max(*latest);
    }
    assert!(repeated > 50 && out_of_order > 20, "{repeated} {out_of_order}");
    let enrolments = of(&records, "enrolments");
    let first_enrolment: BTreeMap<&[u8], i64> =
        enrolments.iter().rev().map(|r| (r.key.as_slice(), r.at)).collect();
    let early = count(&|(at, r)| first_enrolment.get(r.patient_id.as_bytes()).is_none_or(|e| at < e));
    assert!(early > 0, "before the enrolment");
    let of_whom: BTreeSet<&str> = responses.iter().map(|(_, r)| r.patient_id).collect();
    assert!(responses.len() < of_whom.len() * 27, "missed");
}

#[test]
fn devices_measure_each_minute_with_gaps_and_repeats() {
    let settings = Settings { patients: 40, wearers_permille: 500, wear_days: 3, ..Settings::default() };
    let records = records(&settings);
    let mut times: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    let mut sizes = BTreeSet::new();
    for record in of(&records, "wearable-readings") {
        let upload: WearableUpload = codec::decode(record.topic, Some(&record.value), None).unwrap();
        sizes.insert(upload.readings.len());
        for reading in &upload.readings {
            assert!(reading.measured_at < record.at);
            let series = (upload.device_id, reading.metric.as_str());
            times.entry((series.0, series.1)).or_default().push(reading.measured_at);
        }
    }
    assert!(sizes.contains(&1) && sizes.iter().any(|n| *n > 10), "{sizes:?}");
    let rates: Vec<&Vec<i64>> =
        times.iter().filter(|((_, m), _)| *m == "heart_rate").map(|(_, t)| t).collect();
    assert!(rates.len() > 5);
    let distinct: usize = rates.iter().map(|t| t.iter().collect::<BTreeSet<_>>().len()).sum();
    let all: usize = rates.iter().map(|t| t.len()).sum();
    assert!(distinct < all, "repeats");
    let minutes = rates.len() * 3 * 24 * 60;
    assert!(distinct > minutes / 2 && distinct < minutes * 95 / 100, "{distinct} of {minutes}");
}

#[test]
fn bad_records_come_as_many_as_asked_of_each_kind() {
    let good = records(&settings());
    let mixed = records(&Settings { bad_records: 3, ..settings() });
    assert_eq!(mixed.len() - good.len(), 3 * BadKind::ALL.len());
    let unreadable = mixed.iter().filter(|r| {
        r.topic == "prom-responses" && codec::decode::<PromResponse>(r.topic, Some(&r.value), None).is_err()
    });
    assert_eq!(unreadable.count(), 3 * 4);
}

#[test]
fn small_worlds_are_worlds_too() {
    for (patients, days) in [(0, 365), (1, 1), (3, 0)] {
        let settings = Settings { patients, days, bad_records: 1, ..Settings::default() };
        assert!(records(&settings).iter().all(|r| r.at <= settings.end().0));
    }
    let late = Settings { start: Instant(4_000_000_000_000), patients: 2, ..Settings::default() };
    assert!(!records(&late).is_empty());
}

#[test]
fn health_rises_after_the_treatment_for_most_and_falls_for_some() {
    let settings = Settings { patients: 200, wearers_permille: 0, ..Settings::default() };
    let records = records(&settings);
    let mut angina: BTreeMap<&str, (Vec<i32>, Vec<i32>)> = BTreeMap::new();
    let responses = responses(&records);
    for (_, r) in responses.iter().filter(|(_, r)| r.revision == 1) {
        let slot: u32 = r.id.rsplit("-u").next().unwrap().parse().unwrap();
        let codes = r.forms[0].answers.iter().filter(|a| a.item.starts_with("af"));
        let entry = angina.entry(r.patient_id).or_default();
        let side = if slot == 0 { &mut entry.0 } else { &mut entry.1 };
        if slot == 0 || slot > 12 {
            side.extend(codes.filter_map(|a| a.code));
        }
    }
    let mean = |codes: &[i32]| codes.iter().sum::<i32>() as f64 / codes.len() as f64;
    let changes: Vec<f64> = angina
        .values()
        .filter(|(before, after)| !before.is_empty() && !after.is_empty())
        .map(|(before, after)| mean(after) - mean(before))
        .collect();
    let better = changes.iter().filter(|c| **c > 0.5).count();
    let worse = changes.iter().filter(|c| **c < -0.25).count();
    assert!(better * 2 > changes.len(), "{better} of {}", changes.len());
    assert!(worse * 50 > changes.len(), "{worse} of {}", changes.len());
}
