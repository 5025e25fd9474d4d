//! Every wire type writes and reads back as itself.

use aftercare_schemas::codec::{WireError, decode, each_reading, encode};
use aftercare_schemas::wire::*;

fn upload() -> PromResponse<'static> {
    PromResponse {
        id: "u-1",
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id: "p-1",
        episode_id: None,
        answered_at: 1_767_340_800_000,
        uploaded_at: 1_767_341_100_000,
        respondent: "patient",
        forms: vec![Form {
            instrument: "eq-5d-3l",
            instrument_version: Some(1),
            answers: vec![Answer { item: "mo", code: Some(2) }, Answer { item: "sc", code: None }],
        }],
    }
}

fn framed<T: serde::Serialize>(subject: &'static str, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(subject, value, &mut bytes).unwrap();
    bytes
}

#[test]
fn an_upload_reads_back() {
    let bytes = framed("prom-responses", &upload());
    assert_eq!(decode::<PromResponse<'_>>("prom-responses", Some(&bytes), None), Ok(upload()));
}

#[test]
fn a_score_reads_back_with_its_scales() {
    let score = Score {
        version: 1 << 48 | 7,
        score_id: "e/u/saq-7",
        episode_id: "e",
        patient_id: "p",
        upload_id: "u",
        upload_revision: 2,
        instrument: "saq-7",
        instrument_version: 1,
        value_set: "",
        status: "scored",
        reason: None,
        answered_at: 1,
        uploaded_at: 2,
        stored_at: 3,
        days_since_treatment: Some(-1.5),
        respondent: "proxy",
        score: Some(71.25),
        scales: vec![
            Scale { name: "angina_frequency", value: 80.0 },
            Scale { name: "summary", value: 71.25 },
        ],
        baseline: Some(50.0),
        baseline_upload_id: Some("u0"),
        index: Some(142.5),
        index_rule: Some("percent"),
        change_mcid: None,
        ewma: Some(70.0),
        mean_28d: Some(70.0),
        slope_56d: None,
        uploads_done: 3,
        uploads_due: u32::MAX,
        expected: None,
        curve_edition: None,
        organisation: Some("o"),
        care_team: None,
        clinician_id: None,
        manufacturer: Some("m"),
        procedure: None,
        source: "live",
        expected_sd: None,
        expected_n: None,
        cohort: None,
        forecast: None,
        forecast_sd: None,
        level: None,
        change_errors: None,
        trend_errors: None,
    };
    let bytes = framed("scores", &score);
    assert_eq!(decode::<Score<'_>>("scores", Some(&bytes), None), Ok(score));
}

#[test]
fn the_other_streams_read_back() {
    let enrolment = Enrolment {
        id: "e",
        status: RecordStatus::EnteredInError,
        source: Source::Import,
        patient_id: "p",
        episode_id: "ep",
        recorded_at: 1,
        effective_at: -2,
        procedure: Some("pci"),
        treated_at: Some(i64::MIN),
        birth_year: Some(1958),
        comorbidities: Some(vec!["E11.9", ""]),
        plan: Some("coronary-stent"),
        vip: Some(true),
        spo2_scale: Some(2),
        time_zone: Some("Asia/Shanghai"),
        ..Enrolment::default()
    };
    let bytes = framed("enrolments", &enrolment);
    assert_eq!(decode::<Enrolment<'_>>("enrolments", Some(&bytes), None), Ok(enrolment));

    let control = Control { kind: ControlKind::Tick, at: 5, id: None, body: None };
    let bytes = framed("control", &control);
    assert_eq!(decode::<Control<'_>>("control", Some(&bytes), None), Ok(control));

    for metric in Metric::ALL {
        let reading = Reading { metric, value: 1.5, unit: "/min", measured_at: 9 };
        let upload = WearableUpload {
            patient_id: "p",
            device_id: "d",
            source: Source::Simulated,
            readings: vec![reading; 3],
        };
        let bytes = framed("wearable-readings", &upload);
        let mut readings = vec![reading];
        let head = each_reading(Some(&bytes), None, &mut readings).unwrap();
        assert_eq!((head.patient_id, head.device_id, head.source), ("p", "d", Source::Simulated));
        assert_eq!(readings, upload.readings);
        assert_eq!(decode::<WearableUpload<'_>>("wearable-readings", Some(&bytes), None), Ok(upload));
    }
}

#[test]
fn each_kind_of_bad_value_is_told_apart() {
    let bytes = framed("prom-responses", &upload());
    let read = |value: Option<&[u8]>| decode::<PromResponse<'_>>("prom-responses", value, None).map(drop);
    assert_eq!(read(None), Err(WireError::NoValue));
    for length in 0..bytes.len() {
        assert_eq!(read(Some(&bytes[..length])), Err(WireError::Truncated), "{length} bytes");
    }
    assert_eq!(read(Some(b"{\"id\":\"u\"}")), Err(WireError::NotFramed));
    let mut unknown = bytes.clone();
    unknown[4] ^= 0x40;
    assert!(matches!(read(Some(&unknown)), Err(WireError::UnknownSchema(_))));
    let control =
        framed("control", &Control { kind: ControlKind::Closing, at: 0, id: Some("x"), body: None });
    assert_eq!(
        read(Some(&control)),
        Err(WireError::WrongSchema { expected: "prom-responses", found: "control" })
    );
    let mut long = bytes.clone();
    long.push(0);
    assert_eq!(read(Some(&long)), Err(WireError::TrailingBytes));
    let mut text = bytes;
    text[6] = 0xff;
    assert_eq!(read(Some(&text)), Err(WireError::Invalid("a text is not UTF-8")));
}

/// The streams of events share their head, whatever else they carry.
#[test]
fn the_envelope_reads_every_event() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let events =
        ["clinical-events", "commerce-events", "clinician-activity", "session-verdicts", "alert-actions"];
    for subject in events {
        for file in std::fs::read_dir(folder.join(subject)).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "json") {
                let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
                let bytes = std::fs::read(file.with_extension("bin")).unwrap();
                let read: EventEnvelope<'_> = decode(subject, Some(&bytes), None).unwrap();
                assert_eq!(read, serde::Deserialize::deserialize(&json).unwrap(), "{file:?}");
            }
        }
    }
}
