//! What an entry rests on, written into it, so that an old bill explains itself when its inputs are gone.

use super::document::{ContractDocument, Part, Rule, Sentence};
use super::entry::{EntryKind, Evidence};
use super::evaluate::Case;
use super::lang::{Exact, Frame, Value};
use super::target::Target;

/// Evidence and sentences of one target.
pub(super) fn of(
    case: &mut Case<'_>,
    target: &Target,
    rule: &Rule,
    document: &ContractDocument,
) -> (Vec<Evidence>, Vec<String>) {
    let decimals = document.decimals;
    let plain =
        |name: &str, value: String| Evidence { name: name.into(), value, unit: "".into(), record: None };
    let mut evidence = vec![plain("clause", document.clause(&target.clause).to_string())];
    let frame = case.look_back(target);
    for one in &rule.evidence {
        let value = one.value.eval(frame).unwrap_or_default();
        let Some(value) = shown(document, value) else { continue };
        let record = one.record.as_ref().and_then(|record| match record.eval(frame) {
            Ok(Value::Record(record)) => match (record.get("id"), record.get("revision")) {
                (Value::Text(id), Value::Int(revision)) => {
                    Some((id.clone(), i32::try_from(*revision).unwrap_or(i32::MAX)))
                }
                (Value::Text(id), _) => Some((id.clone(), 1)),
                _ => None,
            },
            _ => None,
        });
        evidence.push(Evidence { name: one.name.clone(), value, unit: one.unit.clone(), record });
    }
    if let Some(total) = target.total {
        evidence.push(plain("component", total.text(decimals)));
    }
    if let Some((share, whole)) = target.share {
        let number = |value: Exact| Evidence { unit: "1".into(), ..plain("", value.to_string()) };
        evidence.push(Evidence { name: "share".into(), ..number(share) });
        if whole != Exact::whole(1) {
            evidence.push(Evidence { name: "share_of".into(), ..number(whole) });
        }
    }
    let said = match target.kind {
        EntryKind::Measure => Vec::new(),
        _ => rule
            .say
            .iter()
            .filter_map(|sentence| rendered(sentence, frame, document))
            .filter(|text| !text.is_empty())
            .collect(),
    };
    (evidence, said)
}

fn rendered(sentence: &Sentence, frame: &mut Frame<'_>, document: &ContractDocument) -> Option<String> {
    let mut text = String::new();
    for part in &sentence.0 {
        match part {
            Part::Text(own) => text.push_str(own),
            Part::Value(program) => {
                let value = program.eval(frame).unwrap_or_default();
                text.push_str(&shown(document, value)?);
            }
        }
    }
    Some(text)
}

/// As text; a time as its day.
fn shown(document: &ContractDocument, value: Value) -> Option<String> {
    let value = match value {
        Value::Time(at) => Value::Date(document.zone.day(at)),
        other => other,
    };
    value.shown(document.decimals)
}
