//! DP11: our own mistakes.

crate::codes! { Internal:
    BUG = "DP1101", Never, "internal error",
        "This is a mistake of dpone, not yours. Nothing was lost: state did not move. Please report it with the run's artifact.";
}
