"""Views of /dashboard/admin/logs."""
