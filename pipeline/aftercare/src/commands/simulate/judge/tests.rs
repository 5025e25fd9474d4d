//! A small world, judged.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test of exact figures")]

use super::*;

fn settings() -> Settings {
    Settings {
        patients: 24,
        days: 200,
        wearers_permille: 0,
        home_permille: 0,
        tick_minutes: 720,
        ..Settings::default()
    }
}

fn judged(seed: u64, documents: &[Published]) -> (String, Judged) {
    let settings = Settings { seed, ..settings() };
    let truth: Vec<Truth> = World::new(settings.clone()).truth().collect();
    let seen = flow::play(settings.clone(), documents).unwrap();
    let judged = judge(&settings, 1, &seen.alerts, &truth, seen.uploads);
    (table::render(&judged), judged)
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn shipped(id: &str) -> &'static str {
    SHIPPED.iter().find(|(_, own, _)| *own == id).unwrap().2
}

#[test]
fn the_same_seed_is_judged_the_same() {
    let documents = documents(&[]).unwrap();
    let (text, first) = judged(1, &documents);
    assert_eq!(text, judged(1, &documents).0);
    assert!(first.uploads > 100 && first.measured.all.alerts > 0, "{text}");
    assert!(first.urgent.all.alerts <= first.measured.all.alerts);
    assert_eq!(text.matches("overdue-upload").count(), 1, "{text}");
    assert_ne!(text, judged(2, &documents).0);
}

#[test]
fn a_document_in_place_of_the_shipped_one_is_judged() {
    let silent: Vec<_> = ["stent-alerts", "hip-alerts", "ablation-alerts", "transplant-alerts"]
        .map(|id| {
            let text = shipped(id).replacen("version = 1", "version = 7", 1);
            let end = text.find("[[rules]]").unwrap();
            let rule = "[[rules]]\nid = \"quiet-device\"\nkind = \"quiet-device\"\nseverity = \"info\"\n\
                        routes = [\"care_manager\"]\nhours = 48\ngiven_back_days = 14\n";
            written(&format!("{}{rule}", &text[..end]))
        })
        .into();
    let paths: Vec<PathBuf> = silent.iter().map(|(_, path)| path.clone()).collect();
    let (_, judged) = judged(1, &documents(&paths).unwrap());
    assert_eq!(judged.measured.all.alerts, 0);
}

#[test]
fn a_document_that_is_none_is_refused_with_every_problem() {
    let (_folder, unknown) = written("id = \"my-alerts\"\nversion = 1\n");
    assert!(format!("{:#}", documents(&[unknown]).unwrap_err()).contains("no document my-alerts"));
    let (_folder, wrong) =
        written(&shipped("hip-alerts").replace("severity = \"warning\"", "severity = \"loud\""));
    let problems = documents(&[wrong]).unwrap_err().to_string();
    assert!(problems.lines().count() > 3 && problems.contains("alert-policy hip-alerts"), "{problems}");
}
