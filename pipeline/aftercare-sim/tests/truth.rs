//! What the world hides, and how much of it shows.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use aftercare_schemas::codec;
use aftercare_schemas::wire::{Metric, PromResponse, WearableUpload};
use aftercare_sim::world::{AdverseEvent, Settings, Truth, World};

const DAY_MS: i64 = 86_400_000;

fn settings() -> Settings {
    Settings { patients: 900, wearers_permille: 0, home_permille: 0, ..Settings::default() }
}

fn truth(settings: &Settings) -> BTreeMap<String, Truth> {
    World::new(settings.clone()).truth().map(|truth| (truth.patient_id.clone(), truth)).collect()
}

/// By patient: when the EQ-5D was answered, and how far it is from the best, 0 to 1.
fn burdens(settings: &Settings) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut burdens: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for record in World::new(settings.clone()).filter(|r| r.topic == "prom-responses") {
        let response: PromResponse = codec::decode(record.topic, Some(&record.value), None).unwrap();
        let form = response.forms.iter().find(|form| form.instrument == "eq-5d-5l").unwrap();
        let codes: Vec<i32> = form.answers.iter().filter_map(|answer| answer.code).collect();
        if codes.len() == 5 && response.revision == 1 {
            let burden = f64::from(codes.iter().sum::<i32>() - 5) / 20.0;
            burdens.entry(response.patient_id.to_owned()).or_default().push((response.answered_at, burden));
        }
    }
    burdens
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    values.for_each(|value| (sum, n) = (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[test]
fn some_patients_of_every_procedure_do_badly_most_with_signs_and_a_few_without() {
    let mut events: BTreeMap<&str, Vec<AdverseEvent>> = BTreeMap::new();
    let truth = truth(&settings());
    for one in truth.values() {
        events.entry(one.procedure).or_default().extend(one.event);
        assert!(one.event.is_none_or(|event| event.onset_at > one.treated_at));
    }
    assert_eq!(events.len(), 4);
    let all: Vec<AdverseEvent> = events.values().flatten().copied().collect();
    assert!(events.values().all(|of_one| of_one.len() > 5), "{events:?}");
    assert!(all.len() * 10 > truth.len() && all.len() * 4 < truth.len(), "{}", all.len());
    let silent = all.iter().filter(|e| !e.in_answers && !e.in_vitals).count();
    assert!(silent * 10 > all.len() && silent * 2 < all.len(), "{silent} of {}", all.len());
    let useless = truth.values().filter(|one| !one.benefit).count();
    assert!(useless * 20 > truth.len() && useless * 10 < truth.len(), "{useless} had no benefit");
}

#[test]
fn health_rises_after_the_treatment_for_most_and_falls_for_some() {
    let (truth, burdens) = (truth(&settings()), burdens(&settings()));
    let (mut better, mut worse, mut all) = (0, 0, 0);
    for (patient, answers) in &burdens {
        let treated = truth[patient].treated_at.0;
        let before = mean(answers.iter().filter(|(at, _)| *at < treated).map(|(_, b)| *b));
        let after = mean(answers.iter().filter(|(at, _)| *at > treated + 100 * DAY_MS).map(|(_, b)| *b));
        let (Some(before), Some(after)) = (before, after) else { continue };
        all += 1;
        better += usize::from(after < before - 0.05);
        worse += usize::from(after > before + 0.02);
    }
    assert!(all > 400 && better * 10 > all * 7, "{better} of {all}");
    assert!(worse * 50 > all && worse * 5 < all, "{worse} of {all}");
}

#[test]
fn answers_get_worse_before_the_events_that_show_and_not_before_the_others() {
    let (truth, burdens) = (truth(&settings()), burdens(&settings()));
    let (mut shown, mut silent) = (Vec::new(), Vec::new());
    for (patient, answers) in &burdens {
        let Some(event) = truth[patient].event else { continue };
        let onset = event.onset_at.0;
        let window = |from: i64, to: i64| {
            let within = answers.iter().filter(|(at, _)| (onset + from..onset + to).contains(at));
            mean(within.map(|(_, burden)| *burden))
        };
        let (Some(early), Some(last)) = (window(-120 * DAY_MS, -55 * DAY_MS), window(-10 * DAY_MS, 0)) else {
            continue;
        };
        if event.in_answers { &mut shown } else { &mut silent }.push(last - early);
    }
    let (shown, silent) = (mean(shown.into_iter()).unwrap(), mean(silent.into_iter()).unwrap());
    assert!(shown > 0.03 && silent < 0.02, "{shown} {silent}");
}

#[test]
fn answers_that_cannot_wait_come_mostly_before_a_depression() {
    let truth = truth(&settings());
    let (mut of_depressed, mut of_others) = (0, 0);
    for record in World::new(settings()).filter(|r| r.topic == "prom-responses") {
        let response: PromResponse = codec::decode(record.topic, Some(&record.value), None).unwrap();
        let answers = response.forms.iter().flat_map(|form| &form.answers);
        if answers.clone().any(|a| a.item == "phq9_9" && a.code.is_some_and(|code| code > 0)) {
            let depressed = truth[response.patient_id].event.is_some_and(|event| event.kind == "depression");
            *if depressed { &mut of_depressed } else { &mut of_others } += 1;
        }
    }
    assert!(of_depressed > 3 && of_depressed > of_others, "{of_depressed} {of_others}");
}

#[test]
fn vital_signs_turn_in_the_days_before_the_events_that_show() {
    let settings = Settings { patients: 400, wearers_permille: 1000, wear_days: 1, ..settings() };
    let truth = truth(&settings);
    let (mut before, mut usual): (BTreeMap<Metric, Vec<f64>>, BTreeMap<Metric, Vec<f64>>) =
        Default::default();
    for record in World::new(settings).filter(|r| r.topic == "wearable-readings") {
        let upload: WearableUpload = codec::decode(record.topic, Some(&record.value), None).unwrap();
        // Monitors measure all that an early warning score needs.
        let Some(event) = truth[upload.patient_id].event.filter(|_| upload.device_id.starts_with('m')) else {
            continue;
        };
        for reading in &upload.readings {
            let lead = event.onset_at.0 - reading.measured_at;
            let side = match lead {
                0..DAY_MS if event.in_vitals => &mut before,
                0.. if lead > 10 * DAY_MS => &mut usual,
                _ => continue,
            };
            side.entry(reading.metric).or_default().push(reading.value);
        }
    }
    let of = |side: &BTreeMap<Metric, Vec<f64>>, metric| mean(side[&metric].iter().copied()).unwrap();
    for (metric, least) in
        [(Metric::HeartRate, 8.0), (Metric::RespirationRate, 1.5), (Metric::BodyTemperature, 0.3)]
    {
        let (turned, steady) = (of(&before, metric), of(&usual, metric));
        assert!(turned > steady + least, "{metric:?}: {turned} {steady}");
    }
    assert!(of(&before, Metric::OxygenSaturation) < of(&usual, Metric::OxygenSaturation) - 0.3);
}
