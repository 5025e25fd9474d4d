//! When a comparison with today turns out differently.

use super::*;

#[test]
fn a_comparison_notes_the_day_it_turns() {
    // today is d - 1, d, d + 1 with d = 2026-01-31: the result, and the day of the next turn
    let d = TODAY_DAY;
    for (text, wanted) in [
        ("today >= day", [(false, Some(d)), (true, None), (true, None)]),
        ("today < day", [(true, Some(d)), (false, None), (false, None)]),
        ("today > day", [(false, Some(d + 1)), (false, Some(d + 1)), (true, None)]),
        ("today <= day", [(true, Some(d + 1)), (true, Some(d + 1)), (false, None)]),
        ("today == day", [(false, Some(d)), (true, Some(d + 1)), (false, None)]),
        ("today != day", [(true, Some(d)), (false, Some(d + 1)), (true, None)]),
        ("day <= today", [(false, Some(d)), (true, None), (true, None)]),
        ("day > today", [(true, Some(d)), (false, None), (false, None)]),
        ("day < today", [(false, Some(d + 1)), (false, Some(d + 1)), (true, None)]),
        ("day >= today", [(true, Some(d + 1)), (true, Some(d + 1)), (false, None)]),
    ] {
        let text = text.replace("day", "date('2026-01-31')").replace("todate('2026-01-31')", "today");
        for (today, (result, due)) in [d - 1, d, d + 1].into_iter().zip(wanted) {
            assert_eq!(evaluated_on(&text, today), (Ok(Value::Bool(result)), due), "{text} on {today}");
        }
    }
}

#[test]
fn the_earliest_turn_counts_and_only_of_what_was_evaluated() {
    for (text, due) in [
        ("today >= start + 90 && today >= start + 60", Some(TODAY_DAY + 60)),
        ("today >= start + 90 || today >= start + 60", Some(TODAY_DAY + 30)),
        ("false && today >= start + 60", None),
        ("true || today >= start + 60", None),
        ("known(unknown) ? today > start + 90 : today > start + 60", Some(TODAY_DAY + 31)),
        ("uploads.filter(x, today >= x.answered + 30).size() > 0", Some(TODAY_DAY + 14)),
        ("size(uploads) > 0", None),
    ] {
        assert_eq!(evaluated_on(text, TODAY_DAY).1, due, "{text}");
    }
}

#[test]
fn nothing_changes_before_the_day_that_was_noted() {
    for text in [
        "today >= start + 90 || (today > start + 60 && today != start + 70)",
        "size(uploads.filter(x, today >= x.answered + 30)) * 2",
    ] {
        let mut today = TODAY_DAY;
        for _ in 0..10 {
            let (value, due) = evaluated_on(text, today);
            let Some(due) = due else { break };
            for day in today..due {
                assert_eq!(evaluated_on(text, day).0, value, "{text} on {day}");
            }
            today = due;
        }
        assert!(today > TODAY_DAY && evaluated_on(text, today).1.is_none(), "{text}");
    }
}
