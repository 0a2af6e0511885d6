using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Acl;

/// <summary>The file that holds an access list.</summary>
internal static class AclFile
{
    /// <summary>Reads the access list from its file.</summary>
    /// <exception cref="InvalidAclException">The file is missing, cannot be read, or its text is invalid.</exception>
    public static AclRules Load(string path, AclTokenForm? form = null)
    {
        try
        {
            using var stream = RegularFile.Open(path);
            return AclRules.Read(stream, path, form);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidAclException(
                path,
                ["there is no such file; authorization.acl.file names it, relative to the working directory"],
                e
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidAclException(path, [ShownValue.Reason(e, path)], e);
        }
    }
}
