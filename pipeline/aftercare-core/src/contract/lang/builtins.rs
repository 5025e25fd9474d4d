//! What the functions compute. Arguments have the types of the signature; what hasn't is a fault.

use std::sync::Arc;

use super::calendar;
use super::exact::Exact;
use super::operators::{Arithmetic, compared, computed, exact_of};
use super::program::{Fault, Frame, LIST_MAX, TEXT_MAX};
use super::types::Value;
use crate::time::Instant;

type Answer = Result<Value, Fault>;

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_HOUR: i64 = 3_600_000;

pub(super) fn size(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let size = match arguments {
        [Value::List(list)] => list.len(),
        [Value::Text(text)] => text.chars().count(),
        _ => return Err(Fault::Mistyped),
    };
    i64::try_from(size).map(Value::Int).or(Err(Fault::Overflow))
}

pub(super) fn first(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    Ok(list(arguments)?.first().cloned().unwrap_or_default())
}

pub(super) fn last(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    Ok(list(arguments)?.last().cloned().unwrap_or_default())
}

pub(super) fn sum(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    sum_from(Value::Int(0), frame, arguments)
}

pub(super) fn sum_of_decimals(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    sum_from(Value::Decimal(Exact::ZERO), frame, arguments)
}

pub(super) fn sum_of_money(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    sum_from(Value::Money(Exact::ZERO), frame, arguments)
}

fn sum_from(zero: Value, frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let list = list(arguments)?;
    frame.spend(list.len())?;
    if list.iter().any(Value::is_absent) {
        return Ok(Value::Absent);
    }
    list.iter().try_fold(zero, |sum, next| computed(Arithmetic::Add, &sum, next))
}

pub(super) fn lowest(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    furthest(frame, arguments, std::cmp::Ordering::Less)
}

pub(super) fn highest(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    furthest(frame, arguments, std::cmp::Ordering::Greater)
}

fn furthest(frame: &mut Frame<'_>, arguments: &[Value], towards: std::cmp::Ordering) -> Answer {
    let list = list(arguments)?;
    frame.spend(list.len())?;
    if list.iter().any(Value::is_absent) {
        return Ok(Value::Absent);
    }
    let mut found = list.first();
    for value in list.iter().skip(1) {
        if let Some(best) = found
            && compared(value, best)? == towards
        {
            found = Some(value);
        }
    }
    Ok(found.cloned().unwrap_or_default())
}

pub(super) fn mean(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let count = list(arguments)?.len();
    if count == 0 {
        return Ok(Value::Absent);
    }
    let zero = match list(arguments)?.first() {
        Some(Value::Money(_)) => Value::Money(Exact::ZERO),
        _ => Value::Decimal(Exact::ZERO),
    };
    let sum = sum_from(zero, frame, arguments)?;
    if sum.is_absent() {
        return Ok(sum);
    }
    let count = Exact::whole(i64::try_from(count).or(Err(Fault::Overflow))?);
    let mean = exact_of(&sum)?.quotient(count).ok_or(Fault::Overflow)?;
    Ok(if matches!(sum, Value::Money(_)) { Value::Money(mean) } else { Value::Decimal(mean) })
}

pub(super) fn distinct(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let mut found: Vec<Value> = Vec::new();
    for value in list(arguments)? {
        frame.spend(found.len() + 1)?;
        if !found.contains(value) {
            found.push(value.clone());
        }
    }
    Ok(Value::list(found))
}

pub(super) fn sorted(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::List(elements), Value::List(keys)] = arguments else { return Err(Fault::Mistyped) };
    if elements.len() != keys.len() || keys.iter().any(Value::is_absent) {
        return Ok(Value::Absent);
    }
    // comparisons of a sort: its length times the binary digits of its length
    let digits = usize::try_from(usize::BITS - keys.len().leading_zeros()).or(Err(Fault::TooLong))?;
    let comparisons = keys.len().checked_mul(digits).ok_or(Fault::TooLong)?;
    frame.spend(comparisons)?;
    // keys have one type, so that any two can be compared if each can with the first
    if let Some(first) = keys.first() {
        keys.iter().try_for_each(|key| compared(first, key).map(|_| ()))?;
    }
    let mut sorted: Vec<(&Value, &Value)> = keys.iter().zip(elements.iter()).collect();
    sorted.sort_by(|(left, _), (right, _)| compared(left, right).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::list(sorted.into_iter().map(|(_, element)| element.clone())))
}

pub(super) fn range(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let (from, to) = ints(arguments)?;
    let length = usize::try_from(to.saturating_sub(from).max(0)).or(Err(Fault::TooLong))?;
    if length > LIST_MAX {
        return Err(Fault::TooLong);
    }
    frame.spend(length)?;
    Ok(Value::list((from..to).map(Value::Int)))
}

pub(super) fn min(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [left, right] = arguments else { return Err(Fault::Mistyped) };
    Ok(if compared(right, left)?.is_lt() { right.clone() } else { left.clone() })
}

pub(super) fn max(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [left, right] = arguments else { return Err(Fault::Mistyped) };
    Ok(if compared(right, left)?.is_gt() { right.clone() } else { left.clone() })
}

pub(super) fn clamp(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [value, low, high] = arguments else { return Err(Fault::Mistyped) };
    let raised = if compared(value, low)?.is_lt() { low } else { value };
    Ok(if compared(raised, high)?.is_gt() { high.clone() } else { raised.clone() })
}

pub(super) fn abs(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let positive = |number: &Exact| {
        if number.signum() < 0 { number.negated().ok_or(Fault::Overflow) } else { Ok(*number) }
    };
    match arguments {
        [Value::Int(number)] => number.checked_abs().map(Value::Int).ok_or(Fault::Overflow),
        [Value::Decimal(number)] => positive(number).map(Value::Decimal),
        [Value::Money(amount)] => positive(amount).map(Value::Money),
        _ => Err(Fault::Mistyped),
    }
}

pub(super) fn quotient(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [dividend, divisor] = arguments else { return Err(Fault::Mistyped) };
    let divisor = exact_of(divisor)?;
    if divisor.signum() <= 0 {
        return Ok(Value::Absent);
    }
    exact_of(dividend)?.quotient(divisor).map(Value::Decimal).ok_or(Fault::Overflow)
}

pub(super) fn div(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let (dividend, divisor) = ints(arguments)?;
    Ok(if divisor > 0 { Value::Int(dividend.div_euclid(divisor)) } else { Value::Absent })
}

pub(super) fn floor(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    exact(arguments)?.to_floor().map(Value::Int).ok_or(Fault::Overflow)
}

pub(super) fn decimal_of(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    exact(arguments).map(Value::Decimal)
}

pub(super) fn prorated(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [amount, number, of] = arguments else { return Err(Fault::Mistyped) };
    let of = exact_of(of)?;
    if of.signum() <= 0 {
        return Ok(Value::Absent);
    }
    exact_of(amount)?.prorated(exact_of(number)?, of).map(Value::Money).ok_or(Fault::Overflow)
}

pub(super) fn rounded(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Money(exact(arguments)?.nearest()))
}

pub(super) fn floored(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Money(exact(arguments)?.floor()))
}

pub(super) fn minor(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    exact(arguments).map(Value::Money)
}

pub(super) fn units(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    exact(arguments)?.to_whole().map(Value::Int).ok_or(Fault::Overflow)
}

pub(super) fn text(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [value] = arguments else { return Err(Fault::Mistyped) };
    value.shown(frame.decimals).map(|text| Value::text(&text)).ok_or(Fault::Mistyped)
}

pub(super) fn padded(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let (number, width) = ints(arguments)?;
    let width = usize::try_from(width.max(0)).or(Err(Fault::TooLong))?;
    if width > TEXT_MAX {
        return Err(Fault::TooLong);
    }
    Ok(Value::text(&format!("{number:0width$}")))
}

pub(super) fn starts_with(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let (text, start) = texts(arguments)?;
    Ok(Value::Bool(text.starts_with(&**start)))
}

pub(super) fn split(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let (text, separator) = texts(arguments)?;
    frame.spend(text.len())?;
    if separator.is_empty() {
        return Ok(Value::list([Value::Text(Arc::clone(text))]));
    }
    if text.matches(&**separator).count() >= LIST_MAX {
        return Err(Fault::TooLong);
    }
    Ok(Value::list(text.split(&**separator).map(Value::text)))
}

pub(super) fn int(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Text(text)] = arguments else { return Err(Fault::Mistyped) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Ok(text.parse().ok().filter(|_| is_number).map_or(Value::Absent, Value::Int))
}

pub(super) fn month(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::text(&calendar::month(day)))
}

pub(super) fn year(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Int(calendar::year(day)))
}

pub(super) fn month_number(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Int(calendar::month_number(day)))
}

pub(super) fn day_of_month(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Int(calendar::day_of_month(day)))
}

pub(super) fn first_of_month(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Date(calendar::first_of_month(day)))
}

pub(super) fn last_of_month(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Date(calendar::last_of_month(day)))
}

pub(super) fn months_after(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Date(day), Value::Int(months)] = arguments else { return Err(Fault::Mistyped) };
    calendar::months_after(*day, *months).map(Value::Date).ok_or(Fault::Overflow)
}

pub(super) fn first_of_year(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Date(calendar::first_of_year(day)))
}

pub(super) fn date_of(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Int(year), Value::Int(month), Value::Int(day)] = arguments else {
        return Err(Fault::Mistyped);
    };
    Ok(calendar::day_of(*year, *month, *day).map_or(Value::Absent, Value::Date))
}

pub(super) fn days_of_year(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    date(arguments).map(|day| Value::Int(calendar::days_of_year(day)))
}

pub(super) fn months_between(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Date(from), Value::Date(to)] = arguments else { return Err(Fault::Mistyped) };
    let months: Vec<Value> =
        calendar::months_between(*from, *to).take(LIST_MAX + 1).map(Value::Date).collect();
    frame.spend(months.len())?;
    if months.len() > LIST_MAX { Err(Fault::TooLong) } else { Ok(Value::list(months)) }
}

pub(super) fn day_of(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Time(time)] = arguments else { return Err(Fault::Mistyped) };
    Ok(Value::Date(frame.host.day_of(*time)))
}

pub(super) fn start_of(frame: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let start: Instant = frame.host.start_of(date(arguments)?);
    Ok(Value::Time(start))
}

pub(super) fn minutes(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let [Value::Int(minutes)] = arguments else { return Err(Fault::Mistyped) };
    minutes.checked_mul(MS_PER_MINUTE).map(Value::Int).ok_or(Fault::Overflow)
}

pub(super) fn hours(_: &mut Frame<'_>, arguments: &[Value]) -> Answer {
    let ms = exact(arguments)?.times(Exact::whole(MS_PER_HOUR)).and_then(Exact::to_whole);
    ms.map(Value::Int).ok_or(Fault::Overflow)
}

fn list(arguments: &[Value]) -> Result<&[Value], Fault> {
    match arguments {
        [Value::List(list)] => Ok(list),
        _ => Err(Fault::Mistyped),
    }
}

fn exact(arguments: &[Value]) -> Result<Exact, Fault> {
    match arguments {
        [value] => exact_of(value),
        _ => Err(Fault::Mistyped),
    }
}

fn date(arguments: &[Value]) -> Result<i64, Fault> {
    match arguments {
        [Value::Date(day)] => Ok(*day),
        _ => Err(Fault::Mistyped),
    }
}

fn ints(arguments: &[Value]) -> Result<(i64, i64), Fault> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => Ok((*left, *right)),
        _ => Err(Fault::Mistyped),
    }
}

fn texts(arguments: &[Value]) -> Result<(&Arc<str>, &Arc<str>), Fault> {
    match arguments {
        [Value::Text(left), Value::Text(right)] => Ok((left, right)),
        _ => Err(Fault::Mistyped),
    }
}
