"""The doctor's rules, one module each. A module holds one `RULE`; `registry` finds it by being here."""
