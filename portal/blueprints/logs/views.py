"""Views of /dashboard/admin/system-logs."""
