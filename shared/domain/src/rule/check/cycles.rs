//! Checks that rules for changes of tier cannot trigger each other endlessly, or too often.
//!
//! Points only carry a member up the ladder, which ends. Tiers outside the ladder have no such end: a rule for the change
//! to one may give another, and a rule for that one the first again. Changes are the nodes of a graph and rules its edges.
//! There are at most 40 × 20 nodes with 20 edges each, whatever the number of rules; strongly connected components find
//! every cycle in one pass.

use std::collections::BTreeSet;

use super::Known;
use crate::input::Faults;
use crate::rule::{Bound, Effect, Rule, RuleStatus, TierChangeTrigger, TierDirection, Trigger};

/// The most successive changes to tiers outside the ladder. Each has an entry, and all entries of a fact are one
/// transaction.
const MOST_CHANGES: u64 = 20;

/// An active rule that gives a tier outside the ladder for a change of tier.
struct Giver<'a> {
    /// Its position among the rules.
    place: usize,
    trigger: &'a TierChangeTrigger,
    rule: &'a Rule,
    vip: &'a str,
    /// The most firings for one fact; `None` without a limit.
    most: Option<u64>,
}

/// A change that a rule causes.
#[derive(Clone, Copy)]
struct Edge {
    /// The change that follows.
    to: usize,
    /// The position of the rule in the document.
    rule: usize,
    /// The most firings of the rules behind this edge, together; `None` without a limit.
    most: Option<u64>,
}

/// Adds a fault for rules that could trigger each other endlessly, or more often than a transaction allows.
pub(super) fn check(rules: &[Option<Rule>], known: &Known, faults: &Faults) {
    let givers: Vec<Giver<'_>> =
        rules.iter().enumerate().filter_map(|(place, rule)| giver(place, rule.as_ref()?)).collect();
    if givers.is_empty() {
        return;
    }
    let graph = Graph::new(&givers, known);
    let components = graph.components();
    let mut named = BTreeSet::new();
    for (node, edges) in graph.edges.iter().enumerate() {
        for edge in edges.iter().filter(|edge| edge.most.is_none()) {
            // The way back must be unlimited too: a rule with a limit ends the cycle.
            if components.unlimited[node] == components.unlimited[edge.to] && named.insert(edge.rule) {
                let detail = "with other rules for changes of tier it could go on for ever: give it a limit";
                faults.add(format!("/rules/{}/then", edge.rule), detail);
            }
        }
    }
    if named.is_empty()
        && let Some((rule, changes)) = graph.longest(&components).filter(|(_, changes)| *changes > MOST_CHANGES)
    {
        let detail = format_args!(
            "with other rules for changes of tier it could make {changes} changes in a row, at most {MOST_CHANGES} are \
             possible: give fewer tiers, or lower the limits"
        );
        faults.add(format!("/rules/{rule}/then"), detail);
    }
}

fn giver(place: usize, rule: &Rule) -> Option<Giver<'_>> {
    if rule.status != RuleStatus::Active {
        return None;
    }
    let Trigger::TierChange(trigger) = &rule.on else { return None };
    if trigger.direction.is_some_and(|direction| direction != TierDirection::Vip) {
        return None;
    }
    let vip = rule.then.iter().rev().find_map(|effect| match effect {
        Effect::Vip { vip } => Some(vip.as_str()),
        _ => None,
    })?;
    let most = rule.limit.iter().filter_map(|limit| match limit.bound {
        Bound::Times(times) => Some(u64::from(times)),
        Bound::Points(_) => None,
    });
    Some(Giver { place, trigger, rule, vip, most: most.min() })
}

/// A graph of changes of tier. A node is a change from any tier to one outside the ladder; rules make no other changes.
struct Graph {
    edges: Vec<Vec<Edge>>,
}

/// The strongly connected component of each node.
struct Components {
    /// Along all edges, numbered in reverse topological order.
    all: Vec<usize>,
    /// Along the edges without a limit.
    unlimited: Vec<usize>,
}

impl Graph {
    fn new(givers: &[Giver<'_>], known: &Known) -> Self {
        let tiers: Vec<&str> = known.ladder.iter().chain(&known.vip).map(String::as_str).collect();
        let vips: Vec<&str> = known.vip.iter().map(String::as_str).collect();
        let place = |tier: &str| tiers.iter().position(|other| *other == tier);
        // Indexed by the tier before, the tier after and the tier that the rule gives.
        let mut found: Vec<Option<(usize, Option<u64>)>> = vec![None; tiers.len() * vips.len() * vips.len()];
        let cell = |from: usize, to: usize, vip: usize| (from * vips.len() + to) * vips.len() + vip;
        for giver in givers {
            let Some(vip) = vips.iter().position(|vip| *vip == giver.vip) else { continue };
            let among = |list: &Option<Vec<crate::ids::TierId>>, tier: &str| {
                list.as_ref().is_none_or(|list| list.iter().any(|id| id.as_str() == tier))
            };
            let reached = vips.iter().enumerate().filter(|(place, tier)| {
                *place != vip && among(&giver.trigger.to, tier) && among(&giver.rule.tiers, tier)
            });
            let reached: Vec<usize> = reached.map(|(place, _)| place).collect();
            let left = tiers.iter().enumerate().filter(|(_, tier)| among(&giver.trigger.from, tier));
            for (from, _) in left {
                for to in reached.iter().copied().filter(|to| vips[*to] != tiers[from]) {
                    let edge = &mut found[cell(from, to, vip)];
                    *edge = Some(match *edge {
                        None => (giver.place, giver.most),
                        // An unlimited edge replaces limited ones.
                        Some((_, Some(sum))) => match giver.most {
                            None => (giver.place, None),
                            Some(most) => (giver.place, Some(sum.saturating_add(most))),
                        },
                        Some(unlimited) => unlimited,
                    });
                }
            }
        }
        let mut edges: Vec<Vec<Edge>> = vec![Vec::new(); tiers.len() * vips.len()];
        for from in 0..tiers.len() {
            for (to, tier) in vips.iter().enumerate() {
                let Some(now) = place(tier) else { continue };
                for vip in 0..vips.len() {
                    if let Some((rule, most)) = found[cell(from, to, vip)] {
                        edges[from * vips.len() + to].push(Edge { to: now * vips.len() + vip, rule, most });
                    }
                }
            }
        }
        Self { edges }
    }

    fn components(&self) -> Components {
        Components { all: self.component_of(|_| true), unlimited: self.component_of(|edge| edge.most.is_none()) }
    }

    /// The strongly connected component of each node (Tarjan's algorithm, without recursion).
    fn component_of(&self, counts: impl Fn(&Edge) -> bool) -> Vec<usize> {
        const NEW: usize = usize::MAX;
        let nodes = self.edges.len();
        let (mut index, mut low, mut component) = (vec![NEW; nodes], vec![0; nodes], vec![NEW; nodes]);
        let (mut next, mut components) = (0, 0);
        let mut stack: Vec<usize> = Vec::new();
        for root in 0..nodes {
            if index[root] != NEW {
                continue;
            }
            let mut open: Vec<(usize, usize)> = vec![(root, 0)];
            while let Some((node, edge)) = open.last_mut() {
                let node = *node;
                if *edge == 0 {
                    (index[node], low[node]) = (next, next);
                    next += 1;
                    stack.push(node);
                }
                let following = self.edges[node].get(*edge);
                *edge += 1;
                match following {
                    Some(edge) if counts(edge) && index[edge.to] == NEW => open.push((edge.to, 0)),
                    Some(edge) if counts(edge) && component[edge.to] == NEW => {
                        low[node] = low[node].min(index[edge.to]);
                    }
                    Some(_) => {}
                    None => {
                        open.pop();
                        if let Some((parent, _)) = open.last() {
                            low[*parent] = low[*parent].min(low[node]);
                        }
                        if low[node] == index[node] {
                            while let Some(member) = stack.pop() {
                                component[member] = components;
                                if member == node {
                                    break;
                                }
                            }
                            components += 1;
                        }
                    }
                }
            }
        }
        component
    }

    /// The longest sequence of changes, and a rule that begins it; `None` without changes.
    ///
    /// A component whose edges all have limits is left after as many rounds as the limits allow.
    fn longest(&self, components: &Components) -> Option<(usize, u64)> {
        let count = components.all.iter().max()? + 1;
        let (mut size, mut rounds) = (vec![0_u64; count], vec![1_u64; count]);
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut first: Vec<Option<usize>> = vec![None; count];
        for (node, edges) in self.edges.iter().enumerate() {
            let own = components.all[node];
            size[own] += 1;
            for edge in edges {
                first[own] = first[own].or(Some(edge.rule));
                match (components.all[edge.to] == own, edge.most) {
                    (true, most) => rounds[own] = rounds[own].saturating_add(most.unwrap_or(0)),
                    (false, _) => after[own].push(components.all[edge.to]),
                }
            }
        }
        // Components that follow have lower numbers.
        let mut longest = vec![0_u64; count];
        for own in 0..count {
            let behind = after[own].iter().map(|next| longest[*next]).max().unwrap_or(0);
            longest[own] = behind.saturating_add(size[own].saturating_mul(rounds[own]));
        }
        // The first change has another cause.
        let (own, changes) =
            longest.iter().enumerate().filter(|(own, _)| first[*own].is_some()).max_by_key(|(_, n)| **n)?;
        Some((first[own]?, changes - 1))
    }
}
