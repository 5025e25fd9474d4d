//! Operators in expressions and the types that they take.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::check::Check;
use super::eval::Node;
use super::operators::{Arithmetic, Comparison};
use super::scope::TODAY;
use super::typed::{Looseness, Typed, common, fits};
use super::types::Type;

impl Check<'_, '_> {
    /// Two of the same type, of which one is the result.
    pub(super) fn two(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
        node: fn(Box<Node>, Box<Node>) -> Node,
    ) -> Option<Typed> {
        let (left, right, ty) = self.alike(left, right, at, depth)?;
        Some(Typed { node: node(Box::new(left), Box::new(right)), ty, looseness: Looseness::None, at })
    }

    fn alike(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<(Node, Node, Type)> {
        let (left, right) = (self.expr(left, depth + 1), self.expr(right, depth + 1));
        let pair = [left?, right?];
        match common(&pair) {
            Some(ty) => {
                let [left, right] = pair.map(|side| side.into_type(&ty).node);
                Some((left, right, ty))
            }
            None => {
                let [left, right] = pair.map(|side| side.words());
                self.wrong(at, format!("the two sides are {left} and {right}"))
            }
        }
    }

    pub(super) fn choice(
        &mut self,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let condition = self.expr(condition, depth + 1);
        let condition = condition.and_then(|condition| self.fitted(condition, &Type::Bool));
        let (yes, no, ty) = self.alike(yes, no, at, depth)?;
        let node = Node::Choice(Box::new([condition?.node, yes, no]));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    pub(super) fn logical(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
        node: fn(Box<Node>, Box<Node>) -> Node,
    ) -> Option<Typed> {
        let mut side = |expr| {
            let typed = self.expr(expr, depth + 1)?;
            self.fitted(typed, &Type::Bool)
        };
        let (left, right) = (side(left), side(right));
        let node = node(Box::new(left?.node), Box::new(right?.node));
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    pub(super) fn negative(&mut self, value: &IdedExpr, at: usize, depth: usize) -> Option<Typed> {
        let value = self.expr(value, depth + 1)?;
        if value.has_type() && value.ty.is_number() {
            return Some(Typed {
                node: Node::Negative(Box::new(value.node)),
                looseness: Looseness::None,
                ..value
            });
        }
        self.wrong(at, format!("{} has no sign", value.ty))
    }

    pub(super) fn element(
        &mut self,
        list: &IdedExpr,
        position: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let list = self.expr(list, depth + 1)?;
        let position = self.expr(position, depth + 1)?;
        let position = self.fitted(position, &Type::Int)?;
        let Type::List(element) = &list.ty else {
            return self.wrong(at, format!("{} has no elements", list.ty));
        };
        let ty = element.as_ref().clone();
        let node = Node::Element(Box::new(list.node), Box::new(position.node));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    pub(super) fn within(
        &mut self,
        value: &IdedExpr,
        list: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let (value, list) = (self.expr(value, depth + 1)?, self.expr(list, depth + 1)?);
        let Type::List(element) = &list.ty else {
            return self.wrong(at, format!("in needs a list on its right, not {}", list.ty));
        };
        let is_alike = fits(&value, element) || (value.ty == Type::Decimal && **element == Type::Int);
        if !(element.is_scalar() && is_alike || list.looseness == Looseness::Empty) {
            return self.wrong(at, format!("{} can't be in {}", value.ty, list.ty));
        }
        let value = if fits(&value, element) { value.into_type(element) } else { value };
        let node = Node::Within(Box::new(value.node), Box::new(list.node));
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    pub(super) fn arithmetic(
        &mut self,
        operation: Arithmetic,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let (left, right) = (self.expr(left, depth + 1), self.expr(right, depth + 1));
        let (mut left, mut right) = (left?, right?);
        if matches!(operation, Arithmetic::Add | Arithmetic::Subtract) {
            if fits(&left, &right.ty) && left.is_loose() {
                left = left.into_type(&right.ty);
            } else if fits(&right, &left.ty) && right.is_loose() {
                right = right.into_type(&left.ty);
            }
        }
        let result = operation.result(&left.ty, &right.ty).filter(|_| left.has_type() && right.has_type());
        let Some(ty) = result else {
            return self
                .wrong(at, format!("there is no {} {} {}", left.words(), operation.sign(), right.words()));
        };
        let node = Node::Arithmetic(operation, Box::new(left.node), Box::new(right.node));
        Some(Typed { node, ty, looseness: Looseness::None, at })
    }

    pub(super) fn comparison(
        &mut self,
        comparison: Comparison,
        left: &IdedExpr,
        right: &IdedExpr,
        at: usize,
        depth: usize,
    ) -> Option<Typed> {
        let node = match (is_today(left), is_today(right)) {
            _ if is_null(left) || is_null(right) => {
                return self.wrong(at, "a comparison with null is always absent; write known(...)");
            }
            (true, true) => return self.wrong(at, "today is today"),
            (true, false) => Node::Today(comparison, Box::new(self.day(right, depth)?)),
            (false, true) => Node::Today(comparison.turned(), Box::new(self.day(left, depth)?)),
            (false, false) => {
                let (left, right, ty) = self.alike(left, right, at, depth)?;
                let may = if comparison.needs_order() { ty.is_ordered() } else { ty.is_scalar() };
                if !may {
                    return self.wrong(at, format!("{ty} can't be compared by {}", comparison.sign()));
                }
                Node::Comparison(comparison, Box::new(left), Box::new(right))
            }
        };
        Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
    }

    fn day(&mut self, expr: &IdedExpr, depth: usize) -> Option<Node> {
        let day = self.expr(expr, depth + 1)?;
        self.fitted(day, &Type::Date).map(|day| day.node)
    }
}

pub(super) fn arithmetic_of(name: &str) -> Option<Arithmetic> {
    match name {
        operators::ADD => Some(Arithmetic::Add),
        operators::SUBSTRACT => Some(Arithmetic::Subtract),
        operators::MULTIPLY => Some(Arithmetic::Multiply),
        operators::MODULO => Some(Arithmetic::Remainder),
        _ => None,
    }
}

pub(super) fn comparison_of(name: &str) -> Option<Comparison> {
    match name {
        operators::EQUALS => Some(Comparison::Equal),
        operators::NOT_EQUALS => Some(Comparison::Different),
        operators::LESS => Some(Comparison::Less),
        operators::LESS_EQUALS => Some(Comparison::AtMost),
        operators::GREATER => Some(Comparison::Greater),
        operators::GREATER_EQUALS => Some(Comparison::AtLeast),
        _ => None,
    }
}

/// Elements and parameters are never called so.
fn is_today(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Ident(name) if name == TODAY)
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Null))
}
