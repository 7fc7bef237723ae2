"""MAY: the resource hierarchy, roles, bindings and conditions; a Principal gets a Grant or not."""
