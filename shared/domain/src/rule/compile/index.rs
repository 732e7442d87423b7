//! The index of receipt rules: posting lists by the words of their most selective filter, sliced by day.
//!
//! The cost of a receipt grows with the rules that can match it, not with all rules.

use rustc_hash::FxHashMap;

use super::rule::CompiledRule;
use super::words::{ReceiptWords, TextField, Word};
use crate::time::Day;

/// The indexed fields, the most selective first.
const KEYED: [TextField; 6] =
    [TextField::Sku, TextField::Product, TextField::Category, TextField::Brand, TextField::Attribute, TextField::Store];

/// The index of the active receipt rules.
#[derive(Debug, Clone, Default)]
pub(super) struct ReceiptIndex {
    /// The slice of the postings for each word of a field.
    parts: FxHashMap<(TextField, Word), (u32, u32)>,
    /// The slice of the rules that any receipt may meet.
    general: (u32, u32),
    /// The fields that have postings.
    fields: Vec<TextField>,
    postings: Postings,
    /// For each store that a rule names, a bitmap of the rules that its receipts may meet; `None` for other stores.
    /// Empty when there are too many stores for bitmaps: then stores are compared while rules are verified.
    admitted: FxHashMap<Option<Word>, Box<[u64]>>,
}

/// Rules with their first and last day, by column. Each slice is sorted by first day.
#[derive(Debug, Clone, Default)]
struct Postings {
    rule: Vec<u32>,
    from: Vec<Day>,
    to: Vec<Day>,
}

/// The first and the last day of a rule, and its position.
type Posting = (Day, Day, u32);

/// With more stores than this, the bitmaps would be larger than the postings.
const MOST_STORES: usize = 250;

/// Initial capacity; one receipt rarely has more candidates.
const TYPICAL_CANDIDATES: usize = 64;

fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl ReceiptIndex {
    /// Indexes rules, each given with its position in the program.
    pub(super) fn new<'a>(rules: impl Iterator<Item = (usize, &'a CompiledRule)>, all: usize) -> Self {
        let mut index = Self::default();
        let mut lists: FxHashMap<(TextField, Word), Vec<Posting>> = FxHashMap::default();
        let (mut general, mut asked) = (Vec::new(), Vec::new());
        for (place, rule) in rules {
            let (from, to) = rule.days();
            let posting = (from, to, size(place));
            asked.push((place, rule.test().stores.as_deref()));
            match rule.key() {
                Some((field, words)) => {
                    for word in words {
                        lists.entry((field, *word)).or_default().push(posting);
                    }
                }
                None => general.push(posting),
            }
        }
        index.general = index.post(general);
        for (key, list) in lists {
            let part = index.post(list);
            index.parts.insert(key, part);
            if !index.fields.contains(&key.0) {
                index.fields.push(key.0);
            }
        }
        index.fields.sort_unstable();
        index.admitted = admitted(&asked, all);
        index
    }

    fn post(&mut self, mut list: Vec<Posting>) -> (u32, u32) {
        list.sort_unstable();
        let start = size(self.postings.rule.len());
        for (from, to, rule) in list {
            self.postings.from.push(from);
            self.postings.to.push(to);
            self.postings.rule.push(rule);
        }
        (start, size(self.postings.rule.len()))
    }

    /// The positions of the rules that a receipt of this day may meet, in the program's order.
    pub(super) fn candidates(&self, words: &ReceiptWords, day: Day) -> Vec<u32> {
        let store = Some(words.store()).filter(|store| self.admitted.contains_key(&Some(*store)));
        let admitted = self.admitted.get(&store).map(|bits| &**bits);
        let mut found = Vec::with_capacity(TYPICAL_CANDIDATES);
        self.collect(self.general, admitted, day, &mut found);
        for field in KEYED.iter().filter(|field| self.fields.contains(field)) {
            words.each(*field, |word| {
                if let Some(part) = self.parts.get(&(*field, word)) {
                    self.collect(*part, admitted, day, &mut found);
                }
            });
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Collects the rules of a slice that are in force on a day and admitted at the store.
    fn collect(&self, (start, end): (u32, u32), admitted: Option<&[u64]>, day: Day, found: &mut Vec<u32>) {
        let part = start as usize..end as usize;
        let begun = self.postings.from[part.clone()].partition_point(|from| *from <= day);
        let part = part.start..part.start + begun;
        let columns = self.postings.to[part.clone()].chunks(64).zip(self.postings.rule[part].chunks(64));
        for (ends, rules) in columns {
            // The pass without branches is vectorised; few rules remain.
            let mut open = [0_u8; 64];
            open.iter_mut().zip(ends).for_each(|(open, to)| *open = u8::from(*to >= day));
            for (eight, rules) in open.as_chunks::<8>().0.iter().zip(rules.chunks(8)) {
                let mut open = u64::from_le_bytes(*eight);
                while open != 0 {
                    let rule = rules[open.trailing_zeros() as usize / 8];
                    open &= open - 1;
                    if admitted.is_none_or(|bits| bits[rule as usize / 64] >> (rule % 64) & 1 == 1) {
                        found.push(rule);
                    }
                }
            }
        }
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let part = size_of::<((TextField, Word), (u32, u32))>();
        self.parts.len() * part
            + self.postings.rule.len() * (size_of::<u32>() + 2 * size_of::<Day>())
            + self.admitted.values().map(|bits| bits.len() * size_of::<u64>()).sum::<usize>()
    }
}

/// The bitmap of admitted rules for each store.
fn admitted(asked: &[(usize, Option<&[Word]>)], all: usize) -> FxHashMap<Option<Word>, Box<[u64]>> {
    let mut stores: Vec<Word> = asked.iter().flat_map(|(_, stores)| stores.unwrap_or_default()).copied().collect();
    stores.sort_unstable();
    stores.dedup();
    if stores.is_empty() || stores.len() > MOST_STORES {
        return FxHashMap::default();
    }
    let mut everywhere = vec![0_u64; all.div_ceil(64)];
    for (place, _) in asked.iter().filter(|(_, stores)| stores.is_none()) {
        everywhere[place / 64] |= 1 << (place % 64);
    }
    let mut admitted: FxHashMap<Option<Word>, Box<[u64]>> =
        stores.into_iter().map(|store| (Some(store), everywhere.clone().into())).collect();
    for (place, stores) in asked {
        for store in stores.unwrap_or_default() {
            if let Some(bits) = admitted.get_mut(&Some(*store)) {
                bits[place / 64] |= 1 << (place % 64);
            }
        }
    }
    admitted.insert(None, everywhere.into());
    admitted
}
