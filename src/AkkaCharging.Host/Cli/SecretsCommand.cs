using System.CommandLine;
using System.Security.Cryptography;
using AkkaCharging.Files;

namespace AkkaCharging.Host.Cli;

/// <summary>Creates the secrets that an installation needs.</summary>
internal static class SecretsCommand
{
    private const int KeyBytes = 32;

    /// <summary>Creates the command.</summary>
    public static Command Create(TextWriter output, TextWriter error)
    {
        var folder = new Argument<string>("FOLDER") { Description = "Where the files go; created when it is missing." };
        var caller = new Option<string>("--caller")
        {
            Description = "Owner of the first API key: an app, a partner or a person.",
            HelpName = "NAME",
            DefaultValueFactory = _ => "app",
        };
        var init = new Command("init", "Create keys, an operators' token and an empty access list; keeps what exists.")
        {
            folder,
            caller,
        };
        init.SetAction(parsed => Init(parsed.GetValue(folder)!, parsed.GetValue(caller)!, output, error));
        return new Command("secrets", "Create the secrets of an installation.") { init };
    }

    private static int Init(string folder, string caller, TextWriter output, TextWriter error)
    {
        try
        {
            PrivateFile.MakeFolder(Path.GetFullPath(folder));
            foreach (var file in Files)
                output.WriteLine(
                    $"{Create(Path.Combine(folder, file.Name), file.Text()), -8} {file.Name, -17} {file.Purpose}"
                );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error.WriteLine(e.Message);
            return 1;
        }

        output.WriteLine();
        KeyCommand.PrintNew(caller, output);
        return 0;
    }

    private static IEnumerable<(string Name, Func<string> Text, string Purpose)> Files =>
        [
            (
                "journal-key",
                Key,
                "JOURNAL_ENCRYPTION_KEY_FILE: encrypts the journal; keep a copy apart from the back-ups"
            ),
            (
                "signing-keys",
                () => $"whsec_{Key()}",
                "CALLBACK_SIGNING_KEYS_FILE: signs callbacks; receivers verify with it"
            ),
            ("management-token", KeyCommand.Generate, "MANAGEMENT_TOKEN_FILE: the operators' token"),
            (
                "acl.csv",
                () => "token,stations,valid_from,valid_until,state",
                "AUTHORIZATION_ACL_FILE: the access list, without rules"
            ),
        ];

    private static string Key() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <remarks>The folder is synced, so that no row of a journal outlives its key.</remarks>
    private static string Create(string path, string text)
    {
        if (File.Exists(path))
            return "kept";
        PrivateFile.Create(path, text);
        try
        {
            Folder.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (IOException e)
        {
            throw new IOException($"{path} may not outlive a power cut: {e.Message}", e);
        }

        return "created";
    }
}
