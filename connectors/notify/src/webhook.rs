//! A notice as a webhook, in the form of Standard Webhooks 1.0.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use openssl::error::ErrorStack;
use serde_json::json;

use crate::notice::{Change, Notice, rfc3339};
use crate::sign::Secret;

/// The body: what happened, to which alert, and where to look.
pub(crate) fn body(notice: &Notice) -> Vec<u8> {
    let kind = match notice.change {
        Change::Open => "alert.raised",
        Change::Escalated => "alert.escalated",
        Change::Answered => "alert.answered",
    };
    json!({
        "type": kind,
        "timestamp": rfc3339(notice.changed_at),
        "data": {
            "alert_id": notice.alert_id,
            "revision": notice.revision,
            "escalations": notice.escalations,
            "rule": notice.rule,
            "severity": notice.severity,
            "routed_to": notice.routed_to,
            "raised_at": rfc3339(notice.raised_at),
            "answer_due_at": notice.answer_due_at.map(rfc3339),
            "link": notice.link.as_ref().map(url::Url::as_str),
        }
    })
    .to_string()
    .into_bytes()
}

/// The headers of one try, signed for the second in which it is made.
pub(crate) fn headers(
    secret: &Secret,
    message_id: &str,
    timestamp_s: i64,
    body: &[u8],
) -> Result<HeaderMap, ErrorStack> {
    let signature = secret.sign(message_id, timestamp_s, body)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("aftercare"));
    for (name, value) in [
        ("webhook-id", message_id.to_owned()),
        ("webhook-timestamp", timestamp_s.to_string()),
        ("webhook-signature", signature),
    ] {
        // Ids are made of what a header may hold; one that is not would be refused by every receiver anyway.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::tests::notice;

    #[test]
    fn it_says_where_to_look_and_nothing_else() {
        let said: serde_json::Value = serde_json::from_slice(&body(&notice("e-1/rule/u-1", 2, 1))).unwrap();
        assert_eq!(
            said,
            json!({
                "type": "alert.escalated",
                "timestamp": "2026-01-02T08:11:41Z",
                "data": {
                    "alert_id": "e-1/rule/u-1",
                    "revision": 2,
                    "escalations": 1,
                    "rule": "below-expected",
                    "severity": "critical",
                    "routed_to": ["care_manager", "clinician"],
                    "raised_at": "2026-01-02T08:01:41Z",
                    "answer_due_at": "2026-01-02T08:21:41Z",
                    "link": "https://care.example.org/?alert=e-1%2Frule%2Fu-1"
                }
            })
        );
    }
}
