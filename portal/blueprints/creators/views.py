"""Views of /dashboard/admin/creators."""
