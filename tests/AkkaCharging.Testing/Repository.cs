namespace AkkaCharging.Testing;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Full path of the folder that holds <c>AkkaCharging.sln</c>.</summary>
    public static string Root { get; } = FindAbove(new DirectoryInfo(AppContext.BaseDirectory));

    private static string FindAbove(DirectoryInfo? folder)
    {
        for (; folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AkkaCharging.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException("No folder above the tests holds AkkaCharging.sln.");
    }
}
