//! How Go writes a type: which fields, in which order, and what it does with an empty one.

/// A Go struct.
pub(super) struct Fields(pub &'static [Field]);

/// A field of a Go struct.
pub(super) struct Field {
    pub name: &'static str,
    pub presence: Presence,
    pub shape: Shape,
}

/// When a field is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Always; the type's zero value when it is absent.
    Always,
    /// Unless it is absent or empty: `false`, 0, no text, no elements.
    NotEmpty,
    /// Unless it is absent or the zero time.
    NotZero,
    /// Always; `null` when it is absent.
    Nullable,
    /// Unless it is absent.
    Set,
}

/// The type of a value.
pub(super) enum Shape {
    Boolean,
    Integer,
    IntOrString,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static Fields),
    Quantity,
    Text,
    Time,
}

/// A value without `omitempty`, or a struct: Go never takes a struct for empty.
pub(super) const fn always(name: &'static str, shape: Shape) -> Field {
    field(name, Presence::Always, shape)
}

/// A value with `omitempty`.
pub(super) const fn not_empty(name: &'static str, shape: Shape) -> Field {
    field(name, Presence::NotEmpty, shape)
}

/// A time with `omitzero`.
pub(super) const fn not_zero(name: &'static str, shape: Shape) -> Field {
    field(name, Presence::NotZero, shape)
}

/// A pointer without `omitempty`.
pub(super) const fn nullable(name: &'static str, shape: Shape) -> Field {
    field(name, Presence::Nullable, shape)
}

/// A pointer with `omitempty`.
pub(super) const fn set(name: &'static str, shape: Shape) -> Field {
    field(name, Presence::Set, shape)
}

const fn field(name: &'static str, presence: Presence, shape: Shape) -> Field {
    Field { name, presence, shape }
}
