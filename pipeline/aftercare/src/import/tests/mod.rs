//! Tests of the import: small files made here, and the real files where they are at hand.

mod mappings;
mod real_files;
mod real_windows;

use std::io::Write;
use std::path::{Path, PathBuf};

use aftercare_schemas::codec;
use aftercare_schemas::wire::{Enrolment, PromResponse, Source, WearableUpload};

use super::{ImportArgs, RecordOut, Summary, run};

/// Keeps what was written: topic, key, value.
#[derive(Default)]
struct Kept(Vec<(String, Vec<u8>, Vec<u8>)>);

impl RecordOut for Kept {
    fn write(&mut self, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        self.0.push((topic.to_owned(), key.to_owned(), value.to_owned()));
        Ok(())
    }
}

impl Kept {
    fn of(&self, topic: &str) -> Vec<&[u8]> {
        self.0.iter().filter(|(t, ..)| t == topic).map(|(.., value)| value.as_slice()).collect()
    }

    fn enrolments(&self) -> Vec<Enrolment<'_>> {
        self.of("enrolments").iter().map(|v| codec::decode("enrolments", Some(v), None).unwrap()).collect()
    }

    fn responses(&self) -> Vec<PromResponse<'_>> {
        let values = self.of("prom-responses");
        values.iter().map(|v| codec::decode("prom-responses", Some(v), None).unwrap()).collect()
    }

    fn uploads(&self) -> Vec<WearableUpload<'_>> {
        let values = self.of("wearable-readings");
        values.iter().map(|v| codec::decode("wearable-readings", Some(v), None).unwrap()).collect()
    }
}

struct Trial {
    folder: tempfile::TempDir,
}

impl Trial {
    fn new(mapping: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mapping.toml"), mapping).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, file: &[u8]) -> anyhow::Result<(Summary, Kept)> {
        std::fs::write(self.path("file.csv"), file).unwrap();
        import(&self.path("file.csv"), &self.path("mapping.toml"), None)
    }

    fn refused(&self) -> String {
        std::fs::read_to_string(self.path("file.csv.refused.csv")).unwrap()
    }
}

fn import(file: &Path, mapping: &Path, refused: Option<PathBuf>) -> anyhow::Result<(Summary, Kept)> {
    let mut kept = Kept::default();
    let args = ImportArgs { file: file.to_owned(), mapping: mapping.to_owned(), refused };
    let summary = run(&args, &mut kept, &mut |_| {})?;
    Ok((summary, kept))
}

const READINGS: &str = r#"
about = "heart rates"
time_zone = "Europe/Berlin"
missing = ["", "NA"]

[[only]]
value = "{kind}"
one_of = ["hr"]

[[check]]
value = "{rate}"
between = [20, 300]

[[stream]]
topic = "enrolments"
once_per = "{who}"
[stream.fields]
id = "{who}-e"
patient_id = "{who}"
episode_id = "{who}-1"
recorded_at = { from = "{when}", time = "%Y-%m-%d %H:%M" }

[[stream]]
topic = "wearable-readings"
pack = 2
[stream.fields]
patient_id = "{who}"
device_id = "{who}-watch"
metric = "heart_rate"
value = "{rate}"
unit = "/min"
measured_at = { from = "{when}", time = "%Y-%m-%d %H:%M" }
"#;

const LINES: &str = "# a comment\n# another\nwho,kind,when,rate\n\
    a,hr,2024-03-30 12:00,60\n\
    a,hr,2024-03-30 12:01,61\n\
    a,steps,2024-03-30 12:01,9\n\
    a,hr,2024-03-30 12:02,62.5\n\
    b,hr,2024-07-01 12:00,NA\n\
    b,hr,2024-07-01 12:00,70\n\
    b,hr,2024-07-01 12:00\n\
    b,hr,2024-03-31 02:30,70\n\
    b,hr,1 July,70\n\
    b,hr,2024-07-01 12:01,7000\n";

#[test]
fn lines_become_records_or_are_refused_with_number_and_reason() {
    let trial = Trial::new(READINGS);
    let (summary, kept) = trial.run(LINES.as_bytes()).unwrap();
    assert_eq!((summary.lines, summary.left_out, summary.refused), (10, 1, 5));
    assert_eq!((summary.patients, summary.readings, summary.forms), (2, 4, 0));
    assert_eq!((summary.records["enrolments"], summary.records["wearable-readings"]), (2, 3));
    assert_eq!(summary.exit_code(), 4);
    let refused = trial.refused();
    let lines: Vec<&str> = refused.lines().collect();
    assert_eq!(lines[0], "refused_line,refused_because,who,kind,when,rate");
    assert_eq!(lines[1], "8,check[0].value: the line fails this check,b,hr,2024-07-01 12:00,NA");
    assert_eq!(lines[2], "10,line: it has 3 fields where the header has 4,b,hr,2024-07-01 12:00");
    let gap =
        "stream[0].fields.recorded_at: clocks were set forward: this local time does not exist in its zone";
    // The enrolment of b was written by line 9, so only the reading is at fault.
    assert_eq!(
        lines[3],
        format!(
            "11,{},b,hr,2024-03-31 02:30,70",
            gap.replace("[0].fields.recorded_at", "[1].fields.measured_at")
        )
    );
    assert!(lines[4].starts_with("12,stream[1].fields.measured_at: not a time of the form"), "{}", lines[4]);
    assert!(lines[5].starts_with("13,check[0].value"), "{}", lines[5]);
    assert_eq!(summary.refused_because.values().sum::<u64>(), 5);
    let uploads = kept.uploads();
    let counts: Vec<_> = uploads.iter().map(|u| (u.patient_id, u.readings.len(), u.source)).collect();
    assert_eq!(counts, [("a", 2, Source::Import), ("a", 1, Source::Import), ("b", 1, Source::Import)]);
    // 12:00 in Berlin is 11:00 UTC in winter, 10:00 in summer.
    assert_eq!(uploads[0].readings[0].measured_at, 1_711_796_400_000);
    assert_eq!(uploads[2].readings[0].measured_at, 1_719_828_000_000);
    assert!(kept.0.iter().all(|(_, key, _)| key == b"a" || key == b"b"));
}

#[test]
fn gzip_byte_order_mark_and_line_ends_make_no_difference() {
    let trial = Trial::new(READINGS);
    let plain = trial.run(LINES.as_bytes()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(format!("\u{feff}{LINES}").as_bytes()).unwrap();
    for file in [packed.finish().unwrap(), LINES.replace('\n', "\r\n").into_bytes()] {
        let other = trial.run(&file).unwrap();
        assert_eq!(other.1.0, plain.1.0);
        assert_eq!(other.0, plain.0);
    }
}

#[test]
fn a_repeated_import_writes_the_same_bytes() {
    let trial = Trial::new(READINGS);
    assert_eq!(trial.run(LINES.as_bytes()).unwrap().1.0, trial.run(LINES.as_bytes()).unwrap().1.0);
}

#[test]
fn repaired_lines_can_be_imported_from_the_file_of_refused_lines() {
    let trial = Trial::new(READINGS);
    trial.run(LINES.as_bytes()).unwrap();
    let repaired =
        trial.refused().replace("NA", "66").replace("7000", "70").replace("1 July", "2024-07-02 12:00");
    let (summary, _) = trial.run(repaired.as_bytes()).unwrap();
    assert_eq!((summary.lines, summary.refused, summary.readings), (5, 2, 3));
}

#[test]
fn without_a_refused_line_there_is_no_file_of_them() {
    let trial = Trial::new(READINGS);
    let (summary, _) = trial.run(b"who,kind,when,rate\na,hr,2024-03-30 12:00,60\n").unwrap();
    assert_eq!((summary.refused, summary.exit_code(), summary.refused_file), (0, 0, None));
    assert!(!trial.path("file.csv.refused.csv").exists());
}

#[test]
fn lines_that_begin_like_a_comment_after_the_header_are_data() {
    let trial = Trial::new(READINGS);
    let (summary, _) = trial.run(b"who,kind,when,rate\n#7,hr,2024-03-30 12:00,60\n").unwrap();
    assert_eq!((summary.lines, summary.refused, summary.readings), (1, 0, 1));
}

#[test]
fn bytes_that_are_no_text_refuse_their_line_only() {
    let trial = Trial::new(READINGS);
    let (summary, _) =
        trial.run(b"who,kind,when,rate\n\xff,hr,2024-03-30 12:00,60\nb,hr,2024-03-30 12:00,60\n").unwrap();
    assert_eq!((summary.lines, summary.refused, summary.readings), (2, 1, 1));
}

#[test]
fn a_file_that_does_not_fit_the_mapping_is_an_error_that_names_every_column() {
    let trial = Trial::new(READINGS);
    let error = format!("{:#}", trial.run(b"who,kind,rate,rate\n").err().unwrap());
    assert!(error.contains("no column `when`") && error.contains("two columns `rate`"), "{error}");
    assert!(trial.run(b"").is_err());
    assert!(trial.run(b"# only a comment\n").is_err());
}

#[test]
fn a_cut_gzip_file_is_an_error_not_an_end() {
    let trial = Trial::new(READINGS);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(LINES.as_bytes()).unwrap();
    let whole = packed.finish().unwrap();
    assert!(trial.run(&whole[..whole.len() - 12]).is_err());
}
