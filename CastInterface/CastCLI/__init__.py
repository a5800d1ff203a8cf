"""The command ``cast``: one file a verb; what a verb needs is imported only when it runs."""
