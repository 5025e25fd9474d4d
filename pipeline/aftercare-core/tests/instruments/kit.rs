//! Test data beside the checkout, and forms by their codes.

use std::path::PathBuf;

use aftercare_core::documents::Library;
use aftercare_core::facts::Answer;
use aftercare_core::score::ScoreOutcome;

pub(crate) type Row = Vec<(String, String)>;

/// The rows of a CSV file of test data beside the checkout; `None`, with a message, where it is not there.
pub(crate) fn rows(file: &str) -> Option<Vec<Row>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("AFTERCARE_DATA").map_or_else(beside, PathBuf::from);
    let path = folder.join(file);
    if !path.exists() {
        println!("skipped: {file} is not beside the checkout");
        return None;
    }
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: Result<csv::StringRecord, _>| {
        names.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect()
    };
    let rows: Vec<Row> = reader.records().map(row).collect();
    assert!(!rows.is_empty(), "{file} has no rows");
    Some(rows)
}

pub(crate) fn field<'r>(row: &'r Row, name: &str) -> &'r str {
    row.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

pub(crate) fn number(row: &Row, name: &str) -> Option<f64> {
    Some(field(row, name)).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

pub(crate) fn score_codes(
    instrument: &str,
    set: Option<&str>,
    codes: &[(&str, Option<i32>)],
) -> ScoreOutcome {
    let library = Library::builtin();
    let answers: Vec<Answer<'_>> = codes.iter().map(|(item, code)| Answer { item, code: *code }).collect();
    library.instrument(instrument, None).unwrap().score(&answers, set)
}

pub(crate) fn scored(outcome: &ScoreOutcome) -> Option<f64> {
    match outcome {
        ScoreOutcome::Scored { score, .. } => Some(*score),
        _ => None,
    }
}

pub(crate) fn scale(outcome: &ScoreOutcome, name: &str) -> Option<f64> {
    let ScoreOutcome::Scored { scales, .. } = outcome else { panic!("not scored: {outcome:?}") };
    scales.iter().find(|(scale, _)| **scale == *name).map(|(_, value)| *value)
}

/// Scores a row whose columns `columns` answer `items`.
pub(crate) fn score_row(instrument: &str, row: &Row, columns: &[&str], items: &[&str]) -> ScoreOutcome {
    let codes: Vec<(&str, Option<i32>)> = columns
        .iter()
        .zip(items)
        .map(|(column, item)| {
            let text = field(row, column);
            (*item, (!text.is_empty()).then(|| text.parse().unwrap()))
        })
        .collect();
    score_codes(instrument, None, &codes)
}

pub(crate) const EQ_5D: [&str; 5] = ["mo", "sc", "ua", "pd", "ad"];

pub(crate) fn score_state(instrument: &str, set: &str, state: &str) -> f64 {
    let level = |byte: u8| Some(i32::from(byte - b'0'));
    let codes: Vec<_> = EQ_5D.into_iter().zip(state.bytes().map(level)).collect();
    scored(&score_codes(instrument, Some(set), &codes)).unwrap()
}

pub(crate) const SAQ_7: [&str; 7] = ["pl_a", "pl_b", "pl_c", "af_2", "af_3", "ql_4", "ql_5"];
