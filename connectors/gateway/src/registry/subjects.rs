//! Between the names that Confluent's clients use and the released schemas.

use std::fmt::Write as _;

use aftercare_schemas::registry::{Registry, Released};

/// The registry's name for a stream's values, by the usual rule of topic name and `-value`.
pub(super) fn subject_of(app: &str, released: &Released) -> String {
    format!("{app}.{}-value", released.subject)
}

/// The versions of a subject, oldest first; empty when there is no such subject.
pub(super) fn versions(app: &str, subject: &str) -> Vec<&'static Released> {
    let stream = subject.strip_prefix(app).and_then(|rest| rest.strip_prefix('.'));
    let stream = stream.and_then(|rest| rest.strip_suffix("-value"));
    let all = Registry::released().all().iter();
    let mut versions: Vec<_> = all.filter(|released| Some(released.subject) == stream).collect();
    versions.sort_by_key(|released| released.version);
    versions
}

/// Whether a posted text is this schema.
pub(super) fn same(released: &Released, text: &str) -> bool {
    let json = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    json(released.text) == json(text)
}

/// A GUID in its usual form.
pub(super) fn guid_text(guid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in guid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_released_schema_is_found_by_its_subject_and_no_other() {
        for released in Registry::released().all() {
            let subject = subject_of("clinic", released);
            assert!(versions("clinic", &subject).iter().any(|found| std::ptr::eq(*found, released)));
            for wrong in ["", "clini", "clinic.", "other"] {
                assert!(versions(wrong, &subject).is_empty(), "{wrong}");
            }
            assert!(versions("clinic", &subject.replace("-value", "-key")).is_empty());
            assert!(versions("clinic", released.subject).is_empty());
        }
    }

    #[test]
    fn guids_are_written_as_they_are_read() {
        for released in Registry::released().all() {
            let text = guid_text(&released.guid);
            assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert_eq!(aftercare_schemas::registry::parse_guid(&text), Some(released.guid));
        }
    }
}
