//! A histogram of a number per member, in integers. Histograms can be merged in any order.

/// Values below this have one bucket each.
const EXACT: i64 = 64;
/// The number of buckets per doubling above: a bucket is at most 1/32 of its value wide.
const STEPS: u32 = 32;

/// The lower bounds of the bins in reports. The first holds 0, the last has no end.
pub(crate) const BINS: [i64; 15] =
    [0, 1, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

/// A histogram of integers from 0 up. Negative values are counted separately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: std::collections::BTreeMap<u32, u64>,
    bins: [u64; BINS.len()],
    below: u64,
    members: u64,
    sum: i128,
    most: i64,
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: i64) {
        self.members += 1;
        self.sum += i128::from(value);
        self.most = self.most.max(value);
        if value < 0 {
            self.below += 1;
        } else {
            *self.counts.entry(bucket(value)).or_default() += 1;
            self.bins[BINS.partition_point(|least| *least <= value) - 1] += 1;
        }
    }

    /// Merges another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
        for (mine, theirs) in self.bins.iter_mut().zip(other.bins) {
            *mine += theirs;
        }
        self.below += other.below;
        self.members += other.members;
        self.sum += other.sum;
        self.most = self.most.max(other.most);
    }

    /// The number of values.
    pub const fn members(&self) -> u64 {
        self.members
    }

    /// The number of negative values.
    pub const fn below_zero(&self) -> u64 {
        self.below
    }

    /// The largest value.
    pub const fn most(&self) -> i64 {
        self.most
    }

    /// The sum of all values.
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// The number of values in each of [`BINS`].
    pub(crate) const fn bins(&self) -> &[u64; BINS.len()] {
        &self.bins
    }

    /// The value that `per_cent` of 100 values do not exceed: exact below 64, otherwise at most 1/32 too low.
    pub fn quantile(&self, per_cent: u64) -> i64 {
        let rank = (u128::from(self.members) * u128::from(per_cent)).div_ceil(100).max(1);
        let mut passed = u128::from(self.below);
        if self.members == 0 || passed >= rank {
            return 0;
        }
        for (bucket, count) in &self.counts {
            passed += u128::from(*count);
            if passed >= rank {
                return start(*bucket);
            }
        }
        self.most
    }
}

/// The bucket of a non-negative value.
fn bucket(value: i64) -> u32 {
    if value < EXACT {
        return u32::try_from(value).unwrap_or(0);
    }
    // 64 is 2 to the 6th.
    let doubling = value.ilog2() - 6;
    let step = u32::try_from((value >> (doubling + 1)) & i64::from(STEPS - 1)).unwrap_or(0);
    u32::try_from(EXACT).unwrap_or(0) + doubling * STEPS + step
}

/// The least value of a bucket.
fn start(bucket: u32) -> i64 {
    let Some(above) = bucket.checked_sub(u32::try_from(EXACT).unwrap_or(0)) else { return i64::from(bucket) };
    let (doubling, step) = (above / STEPS, above % STEPS);
    i64::from(STEPS + step) << (doubling + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_begins_at_its_least_value() {
        for value in (0..5_000).chain([65_535, 65_536, 1_000_000_007, i64::MAX / 2]) {
            let least = start(bucket(value));
            assert!(least <= value && (value < EXACT || value - least <= value / 32), "{value} {least}");
            assert_eq!(bucket(least), bucket(value));
        }
    }

    #[test]
    fn quantiles_of_the_first_hundred() {
        let (mut odd, mut even) = (Histogram::default(), Histogram::default());
        (0..100).for_each(|value| if value % 2 == 0 { even.add(value) } else { odd.add(value) });
        odd.merge(&even);
        assert_eq!((odd.quantile(50), odd.quantile(90), odd.quantile(100)), (49, 88, 98));
        assert_eq!((odd.members(), odd.sum(), odd.bins()[1..5].to_vec()), (100, 4950, vec![9, 15, 25, 50]));
        assert_eq!(Histogram::default().quantile(50), 0);
    }
}
