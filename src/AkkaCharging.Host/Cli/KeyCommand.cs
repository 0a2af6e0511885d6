using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Host.Cli;

/// <summary>Creates API keys and operators' tokens, and hashes existing ones.</summary>
internal static class KeyCommand
{
    /// <summary>
    /// Prefix of each key. It reveals a key that was pasted in the place of a hash, and lets scanners find leaked keys.
    /// </summary>
    public const string Prefix = "akc_";

    private const int KeyBytes = 32;

    /// <summary>Creates the command.</summary>
    public static Command Create(TextReader input, TextWriter output, TextWriter error)
    {
        var name = new Argument<string>("NAME") { Description = "Owner of the key: an app, a partner or a person." };
        var create = new Command("new", "Create a key, and print it once with its entry for the settings.") { name };
        create.SetAction(parsed => PrintNew(parsed.GetValue(name)!, output));
        var hash = new Command("hash", "Print the SHA-256 of a key on standard input, in the form of the settings.");
        hash.SetAction((_, cancellation) => HashAsync(input, output, error, cancellation));
        return new Command("key", "Create keys for server.apiKeys and management.operators.") { create, hash };
    }

    /// <summary>Generates a key of 32 random bytes.</summary>
    public static string Generate() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>Creates a key, and prints it with its entry for the settings.</summary>
    public static void PrintNew(string name, TextWriter output)
    {
        var key = Generate();
        output.WriteLine("The key, shown only once: give it to its owner, and keep no copy.");
        output.WriteLine(key);
        output.WriteLine("Its entry for server.apiKeys or management.operators:");
        output.WriteLine($"{{ name = {HoconText.Quoted(name)}, sha256 = \"{HashOf(key)}\" }}");
    }

    private static async Task<int> HashAsync(
        TextReader input,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        var key = await input.ReadLineAsync(cancellation);
        if (string.IsNullOrEmpty(key))
        {
            await error.WriteLineAsync("Standard input contains no key; expected one line.");
            return 1;
        }

        await output.WriteLineAsync(HashOf(key));
        return 0;
    }

    private static string HashOf(string key) => Convert.ToHexStringLower(KeyHash.Of(key));
}
