//! Where the rules for receipts are looked for: under what they ask of a line or a store, sliced by day, so that the cost
//! of a receipt follows the rules that can match it, not the rules there are.

use rustc_hash::FxHashMap;

use super::rule::CompiledRule;
use super::words::{Field, Word, Words};
use crate::time::Day;

/// The fields that a list of rules is kept for, the most selective first.
const KEYED: [Field; 6] = [Field::Sku, Field::Product, Field::Category, Field::Brand, Field::Attribute, Field::Store];

/// The active rules that wait for a receipt.
#[derive(Debug, Clone, Default)]
pub(super) struct ReceiptIndex {
    /// For each word of a field, its part of the postings.
    parts: FxHashMap<(Field, Word), (u32, u32)>,
    /// The part of the rules that any receipt may meet.
    general: (u32, u32),
    /// The fields that have any part.
    fields: Vec<Field>,
    postings: Postings,
    /// For each store that a rule asks for, the rules that a receipt of it may meet, a bit for each; `None` for receipts of
    /// other stores. Empty when there are so many stores that it would take too much room: then only verifying tells.
    admitted: FxHashMap<Option<Word>, Box<[u64]>>,
}

/// Rules with the days on which they count, column by column; within a part, by their first day.
#[derive(Debug, Clone, Default)]
struct Postings {
    rule: Vec<u32>,
    from: Vec<Day>,
    to: Vec<Day>,
}

/// The first and the last day of a rule, and its place.
type Posting = (Day, Day, u32);

/// With more stores than this, a bit for each of them and each rule would take more than the postings.
const MOST_STORES: usize = 250;

/// More rules than this are seldom met by one receipt.
const OFTEN: usize = 64;

fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl ReceiptIndex {
    /// Indexes rules; each is given with its place in the program.
    pub(super) fn new<'a>(rules: impl Iterator<Item = (usize, &'a CompiledRule)>, all: usize) -> Self {
        let mut index = Self::default();
        let mut lists: FxHashMap<(Field, Word), Vec<Posting>> = FxHashMap::default();
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

    /// The places of the rules that a receipt of this day may meet, in the program's order.
    pub(super) fn candidates(&self, words: &Words, day: Day) -> Vec<u32> {
        let store = Some(words.store()).filter(|store| self.admitted.contains_key(&Some(*store)));
        let admitted = self.admitted.get(&store).map(|bits| &**bits);
        let mut found = Vec::with_capacity(OFTEN);
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

    /// Collects the rules of a part that count on a day and may be met at the store.
    fn collect(&self, (start, end): (u32, u32), admitted: Option<&[u64]>, day: Day, found: &mut Vec<u32>) {
        let part = start as usize..end as usize;
        let begun = self.postings.from[part.clone()].partition_point(|from| *from <= day);
        let part = part.start..part.start + begun;
        let columns = self.postings.to[part.clone()].chunks(64).zip(self.postings.rule[part].chunks(64));
        for (ends, rules) in columns {
            // One pass without branches, which is vectorised, tells which are not over; they are few.
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

    /// How much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let part = size_of::<((Field, Word), (u32, u32))>();
        self.parts.len() * part
            + self.postings.rule.len() * (size_of::<u32>() + 2 * size_of::<Day>())
            + self.admitted.values().map(|bits| bits.len() * size_of::<u64>()).sum::<usize>()
    }
}

/// The rules that a receipt of each store may meet.
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
