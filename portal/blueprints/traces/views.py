"""Views of /dashboard/admin/traces."""
