//! A notice as an alert of Alertmanager's API v2: it fires until somebody answered.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::json;

use crate::notice::{Change, Notice, rfc3339};

/// An alert that nobody answers stops firing there after this long. It is told once, not again and again as Prometheus
/// does, so without an end of its own Alertmanager would call it resolved after minutes.
const FIRES_MS_MAX: i64 = 7 * 24 * 3_600_000;

/// The body. Labels decide what is one alert to Alertmanager, so one of them stands for our alert: 16 digits that say
/// nothing by themselves. All others come from short lists, to be grouped and routed by.
pub(crate) fn body(notice: &Notice) -> Vec<u8> {
    let ends_at = match notice.change {
        Change::Answered => notice.changed_at,
        Change::Open | Change::Escalated => notice.changed_at.saturating_add(FIRES_MS_MAX),
    };
    let team = notice.team.as_deref().unwrap_or("none");
    let mut alert = json!({
        "labels": {
            "alertname": "AftercareAlert",
            "alert": notice.digest(),
            "rule": notice.rule,
            "severity": notice.severity,
            "team": team,
        },
        "annotations": {
            "summary": format!("{} alert, rule {}, for {}", notice.severity, notice.rule, notice.routed_to.join(", ")),
            "escalations": notice.escalations.to_string(),
        },
        // Never after the end: the two may come from different clocks.
        "startsAt": rfc3339(notice.raised_at.min(notice.changed_at)),
        "endsAt": rfc3339(ends_at),
    });
    if let Some(link) = &notice.link {
        alert["generatorURL"] = json!(link.as_str());
        alert["annotations"]["console"] = json!(link.as_str());
    }
    if let Some(due) = notice.answer_due_at {
        alert["annotations"]["answer_due_at"] = json!(rfc3339(due));
    }
    json!([alert]).to_string().into_bytes()
}

pub(crate) fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}
