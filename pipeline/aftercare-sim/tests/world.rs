//! What a world is made of.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{
    ClinicalEvent, ClinicianActivity, CommerceEvent, Control, ControlKind, Enrolment, Metric, PromResponse,
    RecordStatus, WearableUpload,
};
use aftercare_sim::world::{BadKind, Settings, SimRecord, World};

fn settings() -> Settings {
    Settings { patients: 60, wearers_permille: 50, wear_days: 2, sessions: true, ..Settings::default() }
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

/// FNV-1a over every record of a world that has everything in it.
#[test]
fn a_world_is_the_same_on_every_machine() {
    let settings = Settings { bad_records: 1, tick_minutes: 360, ..settings() };
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for record in World::new(settings) {
        let at = record.at.to_le_bytes();
        for bytes in [&at[..], record.topic.as_bytes(), &record.key, &record.value] {
            for byte in bytes {
                digest = (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    assert_eq!(format!("{digest:016x}"), "b6fd94b85894cbd8");
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
    let known = [
        "clinical-events",
        "clinician-activity",
        "commerce-events",
        "enrolments",
        "prom-responses",
        "wearable-readings",
    ];
    assert!(topics.iter().eq(known.iter()), "{topics:?}");
}

#[test]
fn what_is_not_asked_for_does_not_come_and_changes_nothing_else() {
    let with = records(&Settings { tick_minutes: 60, ..settings() });
    let without = records(&Settings { sessions: false, ..settings() });
    let extra = ["control", "clinician-activity"];
    assert!(with.iter().filter(|r| !extra.contains(&r.topic)).eq(&without));
}

#[test]
fn a_tick_comes_before_the_records_up_to_it() {
    let settings = Settings { days: 30, tick_minutes: 360, ..settings() };
    let (mut tick, mut ticks) = (settings.start.0, 0);
    for record in World::new(settings.clone()) {
        if record.topic == "control" {
            let control: Control = codec::decode(record.topic, Some(&record.value), None).unwrap();
            assert_eq!((control.kind, control.at), (ControlKind::Tick, tick + 21_600_000));
            assert!(record.at == tick && record.key.is_empty());
            (tick, ticks) = (control.at, ticks + 1);
        } else {
            assert!(record.at <= tick, "nothing lies ahead of the newest tick");
        }
    }
    assert_eq!(ticks, 30 * 4 + 1, "and one more for what arrives in the last moment");
}

#[test]
fn a_world_that_goes_on_begins_as_the_one_that_ends() {
    let longer = Settings { days_after: 20, ..settings() };
    let (all, short) = (records(&longer), records(&settings()));
    assert!(all.starts_with(&short));
    let last = all.last().unwrap().at;
    assert!(last > settings().end().0 + 15 * 86_400_000);
}

#[test]
fn every_good_record_is_readable_and_keyed_by_its_patient() {
    for record in records(&settings()) {
        let value = Some(record.value.as_slice());
        let key = match record.topic {
            "enrolments" => codec::decode::<Enrolment>(record.topic, value, None).unwrap().patient_id,
            "prom-responses" => codec::decode::<PromResponse>(record.topic, value, None).unwrap().patient_id,
            "clinical-events" => {
                codec::decode::<ClinicalEvent>(record.topic, value, None).unwrap().patient_id
            }
            "commerce-events" => {
                codec::decode::<CommerceEvent>(record.topic, value, None).unwrap().patient_id
            }
            "clinician-activity" => {
                codec::decode::<ClinicianActivity>(record.topic, value, None).unwrap().clinician_id
            }
            _ => codec::decode::<WearableUpload>(record.topic, value, None).unwrap().patient_id,
        };
        assert_eq!(key.as_bytes(), record.key);
    }
}

#[test]
fn enrolments_say_all_that_an_episode_needs() {
    let records = records(&Settings { patients: 300, wearers_permille: 0, home_permille: 0, ..settings() });
    let enrolments = of(&records, "enrolments");
    let enrolments: Vec<Enrolment> =
        enrolments.iter().map(|r| codec::decode(r.topic, Some(&r.value), None).unwrap()).collect();
    let mut by_procedure: BTreeMap<&str, u32> = BTreeMap::new();
    let full: Vec<&Enrolment> = enrolments.iter().filter(|e| e.procedure.is_some()).collect();
    for e in &full {
        *by_procedure.entry(e.procedure.unwrap()).or_default() += 1;
        assert!(e.plan.is_some() && e.clinician_id.is_some() && e.organisation.is_some());
        assert_eq!(e.contract, (e.procedure == Some("pci-des")).then_some("warranty-example"));
        assert!(e.birth_year.is_some() && e.sex.is_some() && e.time_zone.is_some());
        assert!(e.procedure != Some("kidney-transplant") || e.manufacturer.is_none());
    }
    let procedures = ["af-ablation", "hip-replacement", "kidney-transplant", "pci-des"];
    assert!(by_procedure.keys().eq(procedures.iter()), "{by_procedure:?}");
    assert!(by_procedure.values().all(|n| *n > 20), "{by_procedure:?}");
    let count = |what: &dyn Fn(&Enrolment) -> bool| full.iter().filter(|e| what(e)).count();
    assert!(count(&|e| e.vip == Some(true)) > 3, "VIP");
    assert!(count(&|e| e.self_pay_consent == Some(true)) > 50, "consent");
    assert!(count(&|e| e.spo2_scale == Some(2)) > 3, "scale 2");
    let first = full.iter().map(|e| (e.episode_id, e.treated_at.unwrap())).collect::<BTreeMap<_, _>>();
    let late = enrolments.iter().filter(|e| {
        let treated = first.get(e.episode_id).copied().unwrap_or(i64::MAX);
        e.procedure.is_none() && e.manufacturer.is_some() && e.recorded_at > treated + 31 * 86_400_000
    });
    assert!(late.count() > 0, "some devices are known only after a month");
}

#[test]
fn clinicians_review_well_late_at_a_glance_and_in_bursts() {
    let settings = Settings { patients: 600, wearers_permille: 0, home_permille: 0, ..settings() };
    let records = records(&settings);
    let uploads: BTreeMap<String, i64> = responses(&records)
        .iter()
        .filter(|(_, r)| r.revision == 1)
        .map(|(_, r)| (r.id.to_owned(), r.uploaded_at))
        .collect();
    let sessions = of(&records, "clinician-activity");
    let sessions: Vec<ClinicianActivity> =
        sessions.iter().map(|r| codec::decode(r.topic, Some(&r.value), None).unwrap()).collect();
    let day = 86_400_000;
    let (mut well, mut late, mut short, mut open, mut copies) = (0, 0, 0, 0, 0);
    let mut starts: BTreeMap<&str, BTreeMap<i64, &str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for session in &sessions {
        copies += usize::from(!seen.insert((session.id, session.revision)));
        starts.entry(session.clinician_id).or_default().insert(session.happened_at, session.patient_id);
        let Some(ended_at) = session.ended_at else {
            open += 1;
            continue;
        };
        let uploaded_at = uploads[session.upload_id.unwrap()];
        assert!(uploaded_at < session.happened_at && session.happened_at < ended_at);
        late += usize::from(ended_at > uploaded_at + 8 * day);
        let enough = session.interactions >= 3 && session.sections_read.len() >= 2;
        short += usize::from(ended_at - session.happened_at < 30_000 && !enough);
        well += usize::from(ended_at - session.happened_at >= 30_000 && enough);
    }
    assert!(well * 2 > sessions.len() && well < sessions.len() * 95 / 100, "{well} of {}", sessions.len());
    assert!(late > 50 && short > 50 && open > 20 && copies > 20, "{late} {short} {open} {copies}");
    let bursts = starts.values().filter(|starts| {
        starts.iter().any(|(from, _)| {
            let within: BTreeSet<&&str> = starts.range(*from..from + 300_000).map(|(_, p)| p).collect();
            within.len() > 5
        })
    });
    assert!(bursts.count() >= 1);
}

#[test]
fn laboratories_shops_and_therapies_speak_too() {
    let records = records(&Settings { patients: 400, wearers_permille: 0, home_permille: 0, ..settings() });
    let events = of(&records, "clinical-events");
    let events: Vec<ClinicalEvent> =
        events.iter().map(|r| codec::decode(r.topic, Some(&r.value), None).unwrap()).collect();
    let mut kinds: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for event in &events {
        let code = if event.value.is_some() { event.code.unwrap() } else { "" };
        *kinds.entry((event.kind.as_str(), code)).or_default() += 1;
    }
    for needed in [
        ("measurement", "11253-2"),
        ("measurement", "9318-7"),
        ("measurement", "bcr-abl"),
        ("surgery", ""),
        ("stay", ""),
        ("rejection", ""),
        ("extended_therapy", ""),
    ] {
        assert!(kinds.contains_key(&needed), "{needed:?}: {kinds:?}");
    }
    let low = events.iter().filter(|e| e.code == Some("11253-2") && e.value.is_some_and(|v| v < 4.0)).count();
    assert!(low > 5, "{low} troughs are low");
    assert!(!of(&records, "commerce-events").is_empty(), "free monitoring");
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
    assert!(distinct > minutes / 2 && distinct < minutes * 150 / 100, "{distinct} of {minutes}");
}

#[test]
fn every_metric_is_measured_within_its_bounds_and_some_sensors_fail() {
    let settings = Settings { patients: 60, wearers_permille: 500, home_permille: 500, ..settings() };
    let mut values: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
    let mut devices = BTreeSet::new();
    for record in of(&records(&settings), "wearable-readings") {
        let upload: WearableUpload = codec::decode(record.topic, Some(&record.value), None).unwrap();
        devices.insert(upload.device_id.chars().next());
        for reading in &upload.readings {
            values.entry(reading.metric).or_default().push(reading.value);
        }
    }
    assert_eq!(devices.len(), 3, "watches, monitors, home devices");
    let missing: Vec<&Metric> =
        Metric::ALL.iter().filter(|m| **m != Metric::Unknown && !values.contains_key(m)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let share = |metric: Metric, what: &dyn Fn(f64) -> bool| {
        let values = &values[&metric];
        values.iter().filter(|v| what(**v)).count() as f64 / values.len() as f64
    };
    assert!(share(Metric::HeartRate, &|v| (45.0..120.0).contains(&v)) > 0.95);
    assert!(share(Metric::HeartRate, &|v| v > 150.0) > 0.0, "spikes");
    assert!(share(Metric::OxygenSaturation, &|v| v >= 94.0) > 0.7);
    assert!(share(Metric::OxygenSaturation, &|v| v < 85.0) > 0.0, "cold fingers");
    assert!(share(Metric::RespirationRate, &|v| (11.0..20.5).contains(&v)) > 0.9);
    assert!(share(Metric::BodyTemperature, &|v| (35.5..37.5).contains(&v)) > 0.9);
    assert!(share(Metric::DosesTaken, &|v| v > 0.5) > 0.8 && share(Metric::DosesTaken, &|v| v < 0.5) > 0.005);
    assert!(share(Metric::DosesDue, &|v| v > 0.5) > 0.999);
}

#[test]
fn hearts_beat_faster_by_day_than_by_night() {
    let settings = Settings { patients: 30, wearers_permille: 1000, home_permille: 0, ..settings() };
    let records = records(&settings);
    let zones: BTreeMap<Vec<u8>, i64> = of(&records, "enrolments")
        .iter()
        .filter_map(|r| {
            let e: Enrolment = codec::decode(r.topic, Some(&r.value), None).unwrap();
            let hours = match e.time_zone? {
                "Asia/Shanghai" => 8,
                "Asia/Urumqi" => 6,
                "Europe/Berlin" => 1,
                _ => -5,
            };
            Some((r.key.clone(), hours))
        })
        .collect();
    let (mut day, mut night) = (Vec::new(), Vec::new());
    for record in of(&records, "wearable-readings") {
        let upload: WearableUpload = codec::decode(record.topic, Some(&record.value), None).unwrap();
        for reading in upload.readings.iter().filter(|r| r.metric == Metric::HeartRate) {
            match (reading.measured_at / 3_600_000 + zones[&record.key]).rem_euclid(24) {
                13..19 => day.push(reading.value),
                1..7 => night.push(reading.value),
                _ => {}
            }
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&day) > mean(&night) + 8.0, "{} {}", mean(&day), mean(&night));
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
