//! A set of counters as sorted spans with gaps between them.

use smallvec::SmallVec;

/// The counters from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lowest counter, at least 1.
    pub first: u64,
    /// The highest counter, at least `first`.
    pub last: u64,
}

/// A set of counters: sorted spans, none touching the next (so that one set has one form). Nearly always one span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    spans: SmallVec<[Span; 1]>,
}

impl Spans {
    /// The set of one counter.
    pub fn one(counter: u64) -> Self {
        let mut spans = Spans::default();
        spans.append(Span { first: counter, last: counter });
        spans
    }

    /// The spans in order.
    pub fn as_slice(&self) -> &[Span] {
        &self.spans
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The highest counter, 0 if there is none.
    pub fn highest(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.last)
    }

    /// How many counters there are from 1 on without a gap.
    pub fn contiguous(&self) -> u64 {
        self.spans.first().map_or(0, |span| if span.first == 1 { span.last } else { 0 })
    }

    /// The spans beyond the contiguous part.
    pub fn beyond(&self) -> &[Span] {
        let skip = usize::from(self.contiguous() > 0);
        &self.spans[skip..]
    }

    /// Adds a span whose first counter is not below that of any span present, joining it to the last where they touch.
    pub(super) fn append(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if span.first <= last.last.saturating_add(1) => last.last = last.last.max(span.last),
            _ => self.spans.push(span),
        }
    }

    /// The first span that ends at `counter` or later.
    fn position(&self, counter: u64) -> usize {
        match self.spans.as_slice() {
            [only] => usize::from(only.last < counter),
            spans => spans.partition_point(|span| span.last < counter),
        }
    }

    /// Whether the counter is in the set.
    pub fn contains(&self, counter: u64) -> bool {
        self.spans.get(self.position(counter)).is_some_and(|span| span.first <= counter)
    }

    /// Adds a counter.
    pub fn insert(&mut self, counter: u64) {
        if self.contains(counter) {
            return;
        }
        let at = self.position(counter);
        let touches_before = at > 0 && self.spans[at - 1].last + 1 == counter;
        let touches_after = self.spans.get(at).is_some_and(|next| counter + 1 == next.first);
        match (touches_before, touches_after) {
            (true, true) => {
                self.spans[at - 1].last = self.spans[at].last;
                self.spans.remove(at);
            }
            (true, false) => self.spans[at - 1].last = counter,
            (false, true) => self.spans[at].first = counter,
            (false, false) => self.spans.insert(at, Span { first: counter, last: counter }),
        }
    }

    /// The set without some counters, which come in rising order.
    pub fn without(&self, counters: impl Iterator<Item = u64>) -> Spans {
        let mut counters = counters.peekable();
        let mut left = Spans::default();
        for span in &self.spans {
            let mut first = span.first;
            while let Some(counter) = counters.next_if(|&counter| counter <= span.last) {
                if counter > first {
                    left.append(Span { first, last: counter - 1 });
                }
                first = first.max(counter + 1);
            }
            if first <= span.last {
                left.append(Span { first, last: span.last });
            }
        }
        left
    }

    /// Whether every counter of `other` is in this set.
    pub fn covers(&self, other: &Spans) -> bool {
        let mut mine = self.spans.iter().peekable();
        other.spans.iter().all(|theirs| {
            while mine.next_if(|span| span.last < theirs.first).is_some() {}
            mine.peek().is_some_and(|span| span.first <= theirs.first && theirs.last <= span.last)
        })
    }

    /// The union of both sets.
    pub fn union(&self, other: &Spans) -> Spans {
        if let ([a], [b]) = (self.as_slice(), other.as_slice())
            && a.first == b.first
        {
            let mut joined = Spans::default();
            joined.append(Span { first: a.first, last: a.last.max(b.last) });
            return joined;
        }
        let mut joined = Spans::default();
        let (mut left, mut right) = (self.spans.iter().peekable(), other.spans.iter().peekable());
        while let Some(span) = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.first > b.first => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        } {
            joined.append(*span);
        }
        joined
    }
}
